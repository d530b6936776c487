/** Known transactions by the journal, filled by the projection, and what happens where it cannot tell. */

import { DeleteCommand, GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb'
import { nanos } from 'nats'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { codeOf, coordinatorRoom, lastSeq, movement, transfer } from '../../../test/support/coordinators.js'
import { withoutProof } from '../../../test/support/fate.js'
import { right, startTestLedger, type TestLedger } from '../../../test/support/ledger.js'
import { until } from '../../../test/support/servers.js'
import { discardDeadLetter } from '../../dead-letters/actions.js'
import { keepDeadLetter } from '../../dead-letters/letters.js'
import { TE } from '../../fp.js'
import { decodeCommand } from '../../ledger/command.js'
import { clientId } from '../../ledger/testing/arbitrary.js'
import type { Projector } from '../../projections/runner.js'
import { projectionLag } from '../../stream/lag.js'
import { nextRecorded } from '../../stream/read.js'
import { LEDGER_STREAM, LEDGER_SUBJECTS } from '../../stream/settings.js'
import { whatBecameOf } from '../endpoints/transaction.js'
import type { Coordinator } from '../group-commit/coordinator.js'
import { createHistoryFinder } from './history.js'
import { createJournalLookup, type JournalSource } from './journal-lookup.js'
import { followKnownIds, type KnownIds, type RunningKnownIds } from './known-ids.js'
import type { FindTransaction } from './window.js'

const room = coordinatorRoom()
let ledger: TestLedger
let projector: Projector | undefined
let source: JournalSource

const BELIEVED = (): undefined => undefined

beforeAll(async () => {
  ledger = await startTestLedger({ has_table: true })
  const table = { table: ledger.first_table, trust: BELIEVED }
  source = { table: TE.right(table), consumer: TE.right('ledger') }
})
beforeEach(async () => {
  projector ??= ledger.project()
  await until(async () => (await projectionLag(ledger.nc, 'ledger')())._tag === 'Right', {
    deadline_ms: 30_000,
    what: 'the consumer of the projection',
  })
})
const followers: RunningKnownIds[] = []
afterEach(async () => {
  await room.stopAll()
  for (const follower of followers.splice(0)) await follower.stop()
})

/** The ids of all events; they have to be followed first, or be asked for with patience. */
const follow = (deps: TestLedger = ledger): RunningKnownIds => {
  const known = followKnownIds(deps)
  followers.push(known)
  return known
}
afterAll(async () => {
  await projector?.stop()
  await ledger.stop()
})

/** Fails what the history would answer: what is found is found by the journal. */
const noHistory = async (): Promise<never> => {
  throw new Error('the history was read')
}

const start = (
  from: JournalSource = source,
  findInHistory: FindTransaction = noHistory,
  known?: KnownIds,
): Coordinator => {
  const { find } = createJournalLookup(ledger, from, {
    findInHistory,
    ...(known === undefined ? {} : { known }),
  })
  return room.start(ledger, { find, ...(known === undefined ? {} : { mayHave: known.mayHave }) })
}

const caughtUp = async (): Promise<void> => {
  const end = await lastSeq(ledger.jsm)
  await until(async () => (await right(projectionLag(ledger.nc, 'ledger'))).seq >= end, {
    deadline_ms: 30_000,
    what: 'the journal to catch up',
  })
}

describe('a journal that lacks a row which its table refused', () => {
  it('answers for no id that it does not hold: the history does, until somebody has settled the letter', async () => {
    const seq = await ledger.emit('fay', { type: 'credit', amount: 5, transaction_id: 'fay-1' })
    await caughtUp()
    const { table: name } = await right(source.table)
    await ledger.tables.send(new DeleteCommand({ TableName: name, Key: { id: '#fay-1' } }))
    const event = await right(nextRecorded(ledger.jsm, LEDGER_STREAM, LEDGER_SUBJECTS, seq))
    if (event === undefined) throw new Error(`there is no event ${seq}`)
    const verdict = { reason: 'UNSTORABLE', detail: '', projection: 'ledger', table: name } as const
    await right(keepDeadLetter(ledger.nc, event, verdict))
    const find = createJournalLookup(ledger, source).find
    expect(await find('fay-1', clientId('fay'))).toMatchObject({ seq })
    const coordinator = room.start(ledger, { find })
    expect(codeOf(await coordinator.submit(movement('credit', 'fay', 6, 'fay-1'), true))).toBe(
      'TRANSACTION_ID_REUSED',
    )
    expect(await whatBecameOf(ledger, 'fay-1', createJournalLookup(ledger, source))).toMatchObject({
      status: 'committed',
    })
    await right(discardDeadLetter(ledger.nc, seq, { by: 'me', reason: 'replayed' }))
    expect(
      await createJournalLookup(ledger, source, { findInHistory: noHistory }).find('fay-1', clientId('fay')),
    ).toBeUndefined()
  })
})

describe('a transaction that the journal holds', () => {
  it('of an account with a limit and holds gets its answer from there too, and no event is folded for it', async () => {
    const first = start()
    const commands = (
      [
        ['credit', { amount: 50 }],
        ['limit', { limit: 20 }],
        ['hold', { amount: 30 }],
        ['capture', { hold: 'rules-3', amount: 10, final: false }],
        ['debit', { amount: 5 }],
      ] as const
    ).map(([type, fields], i) => {
      const ids = { client_id: 'rules', transaction_id: `rules-${i + 1}` }
      return right(TE.fromEither(decodeCommand(type, { ...ids, ...fields }, '')))
    })
    const outcomes = []
    for (const command of commands) outcomes.push(await first.submit(await command, true))
    expect(outcomes.map(codeOf)).toEqual(outcomes.map(() => 'done'))
    await caughtUp()
    const folds: string[] = []
    const listening = ledger.nc.subscribe('$JS.API.>', {
      callback: (_, message) => void folds.push(message.string()),
    })
    const coordinator = start()
    for (const [i, command] of commands.entries())
      expect(await coordinator.submit(await command, true)).toEqual({ ...outcomes[i], replayed: true })
    await ledger.nc.flush()
    listening.unsubscribe()
    expect(folds.filter(body => body.includes('"customer.balance.rules"'))).toEqual([])
  })

  it('gets its original answer from there: a movement, a transfer and a refusal', async () => {
    const first = start()
    const commands = [
      movement('credit', 'ann', 50, 'ann-1'),
      { ...transfer('ann', 'bob', 20, 'ann-2'), reference: 'r', metadata: { a: { b: 1 } } },
      movement('debit', 'ann', 31, 'ann-3'),
    ]
    const outcomes = []
    for (const command of commands) outcomes.push(await first.submit(command, true))
    await first.submit(movement('credit', 'ann', 1), false)
    expect(outcomes.map(codeOf)).toEqual(['done', 'done', 'INSUFFICIENT_FUNDS'])
    await caughtUp()
    const end = await lastSeq(ledger.jsm)
    const again = []
    for (const command of commands) again.push(await start().submit(command, true))
    expect(again).toEqual([
      { ...outcomes[0], replayed: true },
      { ...outcomes[1], replayed: true },
      {
        ...outcomes[2],
        details: { ...(outcomes[2] as { details: object }).details, replayed: true },
      },
    ])
    expect(await lastSeq(ledger.jsm)).toBe(end)
  })

  it('finds the reuse of an id for another customer, and with another content', async () => {
    await start().submit(movement('credit', 'cat', 5, '@7'), true)
    await caughtUp()
    const reuses = [
      movement('credit', 'dog', 5, '@7'),
      movement('credit', 'cat', 6, '@7'),
      movement('debit', 'cat', 5, '@7'),
      transfer('cat', 'dog', 5, '@7'),
    ]
    const fields = []
    for (const command of reuses) {
      const outcome = await start().submit(command, true)
      fields.push(outcome.tag === 'failed' ? outcome.details.field : outcome.tag)
    }
    expect(fields).toEqual(['client_id', 'amount', 'type', 'type'])
  })

  it.each([
    ['nothing', 1_000_000],
    ['another customer', 1],
  ])(
    'only by a row that somebody wrote, at the place of %s, is new: it is carried out',
    async (what, seq) => {
      const id = `row-of-${what.replaceAll(' ', '-')}`
      await ledger.emit('somebody', { type: 'credit', amount: 1 })
      const row = {
        id: `#${id}`,
        client_id: id,
        seq,
        type: 'credit',
        amount: 5n,
        balance: 5n,
        version: 1,
        transaction_id: id,
      }
      await ledger.tables.send(new PutCommand({ TableName: ledger.first_table, Item: row }))
      const coordinator = start(source, createHistoryFinder(ledger))
      expect(await coordinator.submit(movement('credit', id, 5, id), true)).toMatchObject({
        tag: 'done',
        replayed: false,
        reply: { balance: 5n, version: 1 },
      })
      const found = createJournalLookup(ledger, source)
      expect(await whatBecameOf(ledger, id, found)).toMatchObject({ status: 'committed' })
    },
  )

  it('with another balance in its row is answered with what the stream says', async () => {
    const command = movement('credit', 'yak', 5, 'yak-1')
    const first = await start().submit(command, true)
    await caughtUp()
    const TableName = ledger.first_table
    const { Item } = await ledger.tables.send(new GetCommand({ TableName, Key: { id: '#yak-1' } }))
    await ledger.tables.send(new PutCommand({ TableName, Item: { ...Item, balance: 424_242n } }))
    expect(await start().submit(command, true)).toEqual({ ...first, replayed: true })
  })

  it('and is half a transfer, forged by a direct event, is no transfer', async () => {
    await ledger.emit('elk', { type: 'credit', amount: 9 })
    const forged = { type: 'debit', amount: 4, transaction_id: 'elk-1', transfer: { counterparty: 'fox' } }
    await ledger.emit('elk', forged)
    await caughtUp()
    const outcome = await start().submit(transfer('elk', 'fox', 4, 'elk-1'), true)
    expect(outcome).toMatchObject({ code: 'TRANSACTION_ID_REUSED', details: { field: 'type' } })
  })
})

describe('a transaction that the journal does not hold', () => {
  it('is new while the journal is near, whatever the customer’s history would say', async () => {
    expect(codeOf(await start().submit(movement('credit', 'gnu', 1, 'gnu-1'), true))).toBe('done')
  })

  it('younger than the journal is caught by the duplicate window', async () => {
    const first = start()
    await first.submit(movement('credit', 'hen', 1, 'hen-0'), true)
    await caughtUp()
    await projector?.stop()
    projector = undefined
    const original = await first.submit(movement('credit', 'hen', 3, 'hen-1'), true)
    expect(await start().submit(movement('credit', 'hen', 3, 'hen-1'), true)).toEqual({
      ...original,
      replayed: true,
    })
  })

  describe.each([-3_600_000, 3_600_000])('and %i ms are between the clocks of machine and server', by_ms => {
    const now = Date.now
    const WINDOW_MS = 200
    /** How long the stream refuses an id again. */
    const setWindow = (ms: number) =>
      ledger.jsm.streams.update(LEDGER_STREAM, { duplicate_window: nanos(ms) })
    beforeEach(async () => {
      await projector?.stop()
      projector = undefined
      Date.now = () => now() + by_ms
    })
    afterEach(async () => {
      Date.now = now
      await setWindow(120_000)
    })

    it('is new while the journal lacks young events only', async () => {
      await ledger.emit('ibis', { type: 'credit', amount: 1 })
      const coordinator = start()
      expect(codeOf(await coordinator.submit(movement('credit', 'ibis', 1, `ibis-${by_ms}`), true))).toBe(
        'done',
      )
    })

    it('is one of the newest ids where the journal lacks what the stream does not refuse any more', async () => {
      const known = follow()
      await until(() => known.reachEnd(1_000), { deadline_ms: 30_000, what: 'the ids to be followed' })
      const begin = (): Coordinator => start(source, noHistory, known)
      await setWindow(WINDOW_MS)
      const [own, other] = [
        movement('credit', 'jynx', 3, `jynx${by_ms}`),
        movement('credit', 'kea', 3, 'new'),
      ]
      const original = await begin().submit(own, true)
      await until(async () => (await right(projectionLag(ledger.nc, 'ledger'))).lag_ms > 2 * WINDOW_MS, {
        deadline_ms: 30_000,
        what: 'the event to be older than the window',
      })
      expect(await begin().submit(own, true)).toEqual({ ...original, replayed: true })
      expect(await begin().submit({ ...own, client_id: clientId('kea') }, true)).toMatchObject({
        code: 'TRANSACTION_ID_REUSED',
      })
      expect(codeOf(await begin().submit({ ...other, transaction_id: `kea${by_ms}` }, true))).toBe('done')
    })
  })

  it('is not guessed at where what the journal lacks cannot be told: UNAVAILABLE, and nothing is stored', async () => {
    await ledger.emit('lark', { type: 'credit', amount: 1 })
    const end = await lastSeq(ledger.jsm)
    const deaf = withoutProof(ledger)
    const coordinator = room.start(ledger, {
      find: createJournalLookup(deaf, source, { findInHistory: noHistory, known: follow(deaf) }).find,
    })
    expect(await coordinator.submit(movement('credit', 'lark', 1, 'lark-1'), true)).toMatchObject({
      code: 'UNAVAILABLE',
    })
    expect(codeOf(await coordinator.submit(movement('credit', 'lark', 1), false))).toBe('done')
    expect(await lastSeq(ledger.jsm)).toBe(end + 1)
  })
})

describe('without a journal', () => {
  it.each<[string, () => JournalSource]>([
    ['that anybody keeps', () => ({ ...source, consumer: TE.right('nobody') })],
    [
      'whose table is there',
      () => ({ ...source, table: TE.right({ table: 'no-such-table', trust: BELIEVED }) }),
    ],
  ])('%s the customer’s history is read', async (what, from) => {
    const id = `jay-${what.length}`
    const original = await start(from(), undefined).submit(movement('credit', id, 2, `${id}-1`), false)
    const read: string[] = []
    const inHistory = createHistoryFinder(ledger)
    const { find } = createJournalLookup(ledger, from(), {
      findInHistory: (transaction_id, ...more) => {
        read.push(transaction_id)
        return inHistory(transaction_id, ...more)
      },
    })
    const outcome = await room.start(ledger, { find }).submit(movement('credit', id, 2, `${id}-1`), true)
    expect(outcome).toEqual({ ...original, replayed: true })
    expect(read).toEqual([`${id}-1`])
  })
})

describe('customer.transaction with a journal', () => {
  it('tells what the journal holds, and what the stream holds after it', async () => {
    const coordinator = start()
    const made = [
      await coordinator.submit(movement('credit', 'kiwi', 9, 'kiwi-1'), true),
      await coordinator.submit(transfer('kiwi', 'lynx', 4, 'kiwi-2'), true),
      await coordinator.submit(movement('debit', 'kiwi', 6, 'kiwi-3'), true),
    ]
    const fates = async () => {
      const asked = ['kiwi-1', 'kiwi-2', 'kiwi-3', 'kiwi-4', 'kiwi-2:credit']
      return Promise.all(
        asked.map(id =>
          whatBecameOf(ledger, id, createJournalLookup(ledger, source, { findInHistory: noHistory })),
        ),
      )
    }
    const replies = made.map(outcome => (outcome.tag === 'done' ? outcome.reply : undefined))
    const told = [
      { status: 'committed', reply: replies[0] },
      { status: 'committed', reply: replies[1] },
      { status: 'declined', error: { code: 'INSUFFICIENT_FUNDS', details: { balance: 5n } } },
      { status: 'unknown' },
      { status: 'unknown' },
    ]
    expect(await fates()).toMatchObject(told)
    await caughtUp()
    expect(await fates()).toMatchObject(told)
  })
})
