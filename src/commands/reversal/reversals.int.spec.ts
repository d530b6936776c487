/** Reversals over a real stream and journal, from several instances of the command side that share nothing. */

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { coordinatorRoom, lastSeq, storedFrom } from '../../../test/support/coordinators.js'
import { right, startTestLedger, type TestLedger } from '../../../test/support/ledger.js'
import { E, TE } from '../../fp.js'
import { type AskedCommand, decodeAsked } from '../../ledger/command.js'
import { clientId } from '../../ledger/testing/arbitrary.js'
import { FROM_THE_BEGINNING, foldSubject } from '../../stream/fold-subject.js'
import { uuidv7 } from '../../uuid.js'
import { createTaker } from '../compose.js'
import { createJournalLookup, type JournalSource } from '../idempotency/journal-lookup.js'
import { followKnownIds, type KnownIds, type RunningKnownIds } from '../idempotency/known-ids.js'
import type { Outcome } from '../outcome.js'

const room = coordinatorRoom()
const followers: RunningKnownIds[] = []
let ledger: TestLedger
let source: JournalSource

beforeAll(async () => {
  ledger = await startTestLedger()
  ledger.project()
  const table = { table: ledger.first_table, trust: () => undefined }
  source = { table: TE.right(table), consumer: TE.right('ledger') }
  await ledger.caughtUp()
})
afterEach(async () => {
  await room.stopAll()
  for (const follower of followers.splice(0)) await follower.stop()
})
afterAll(() => ledger.stop())

const command = (type: AskedCommand['type'], fields: object): AskedCommand => {
  const decoded = decodeAsked(type, { ...fields }, uuidv7())
  if (E.isLeft(decoded)) throw new Error(decoded.left)
  return decoded.right
}

/** An instance; `seen` changes what it knows of the ids. */
const instance = async (seen: (known: KnownIds) => Partial<KnownIds> = () => ({})) => {
  const following = followKnownIds(ledger)
  followers.push(following)
  await following.begun(10_000)
  const known: KnownIds = { ...following, ...seen(following) }
  const journal = createJournalLookup(ledger, source, { known })
  const coordinator = room.start(ledger, { find: journal.find, mayHave: known.mayHave })
  const taker = createTaker(ledger, coordinator, journal, { timeout_ms: 10_000 })
  const submit = async (type: AskedCommand['type'], fields: Record<string, unknown>): Promise<Outcome> => {
    const has_given_id = fields[type === 'reverse' ? 'reversal_id' : 'transaction_id'] !== undefined
    const [outcome] = await taker.submitEach([{ command: command(type, fields), has_given_id }])
    if (outcome === undefined) throw new Error('a command has no outcome')
    return outcome
  }
  return {
    taker,
    submit,
    reverse: (transaction_id: string, fields: Record<string, unknown> = {}) =>
      submit('reverse', { transaction_id, ...fields }),
  }
}

const codes = (outcomes: readonly Outcome[]): string[] =>
  outcomes.map(outcome => (outcome.tag === 'done' ? 'done' : outcome.code)).toSorted()

const balanceOf = async (id: string): Promise<bigint> => {
  const options = { to_seq: Number.POSITIVE_INFINITY, events_max: 10_000 }
  const { customer } = await right(foldSubject(ledger, clientId(id), FROM_THE_BEGINNING, options))
  return customer.account.balance
}

/** The ids of the reversals of a transaction that the stream holds, in their order. */
const reversalsOf = async (transaction_id: string): Promise<readonly string[]> =>
  (await storedFrom(ledger.jsm, 1))
    .filter(({ body }) => body?.reverses === transaction_id)
    .map(({ msg_id }) => msg_id)

describe('a transaction', () => {
  it('is taken back in parts, and then what is left of it', async () => {
    const { submit, reverse } = await instance()
    await submit('credit', { client_id: 'ann', amount: 100, transaction_id: 'ann-1' })
    await submit('debit', { client_id: 'ann', amount: 80, transaction_id: 'ann-2' })
    expect(await reverse('ann-2', { amount: 30, reference: 'one shoe' })).toMatchObject({
      tag: 'done',
      replayed: false,
      reply: {
        transaction_id: 'ann-2:reversal:1',
        client_id: 'ann',
        balance: 50n,
        reverses: 'ann-2',
        amount: 30n,
      },
    })
    expect(await reverse('ann-2', { amount: 51 })).toMatchObject({
      code: 'REVERSAL_EXCEEDED',
      details: { remaining: 50n, reverses: 'ann-2' },
    })
    expect(await reverse('ann-2')).toMatchObject({
      reply: { transaction_id: 'ann-2:reversal:2', balance: 100n, amount: 50n },
    })
    expect(await reverse('ann-2', { amount: 1 })).toMatchObject({ code: 'ALREADY_REVERSED' })
    // a credit is taken back by a debit
    expect(await reverse('ann-1')).toMatchObject({ reply: { balance: 0n, amount: 100n } })
  })

  it('that is a transfer, or a capture, gives the money back: both events, or none', async () => {
    const { submit, reverse } = await instance()
    await submit('credit', { client_id: 'from', amount: 100 })
    await submit('transfer', { from: 'from', to: 'to', amount: 60, transaction_id: 'move' })
    expect(await reverse('move', { amount: 20 })).toMatchObject({
      reply: {
        transaction_id: 'move:reversal:1',
        from: { client_id: 'to', balance: 40n },
        to: { client_id: 'from', balance: 60n },
      },
    })
    await submit('debit', { client_id: 'to', amount: 1 })
    expect(await reverse('move')).toMatchObject({ code: 'INSUFFICIENT_FUNDS', details: { client_id: 'to' } })
    expect(await balanceOf('from')).toBe(60n)
    await submit('hold', { client_id: 'from', amount: 50, transaction_id: 'held' })
    await submit('capture', {
      ...{ client_id: 'from', hold: 'held', amount: 30, final: false, to: 'shop' },
      transaction_id: 'taken',
    })
    expect(await reverse('taken')).toMatchObject({
      reply: {
        from: { client_id: 'shop', balance: 0n },
        to: { client_id: 'from', balance: 60n, held: 20n, available: 40n },
      },
    })
  })

  it('that was published directly, in schema 1, is reversed like any other', async () => {
    const { reverse } = await instance()
    await ledger.emit('direct', { type: 'credit', amount: 7, transaction_id: 'direct-1' })
    expect(await reverse('direct-1')).toMatchObject({ reply: { balance: 0n } })
  })

  it('with the longest id is reversed too, and its reversals are known by their ids', async () => {
    const { submit, reverse } = await instance()
    const id = '"'.repeat(128)
    await submit('credit', { client_id: 'long', amount: 5 })
    await submit('transfer', { from: 'long', to: 'longer', amount: 5, transaction_id: id })
    const first = await reverse(id, { reversal_id: 'i'.repeat(128) })
    expect(first).toMatchObject({ reply: { transaction_id: `${id}:reversal:1` } })
    await ledger.caughtUp()
    expect(await (await instance()).reverse(id, { reversal_id: 'i'.repeat(128) })).toEqual({
      ...first,
      replayed: true,
    })
    expect(await (await instance()).reverse(id)).toMatchObject({ code: 'ALREADY_REVERSED' })
  })

  it.each([
    ['a reversal', 'no-1:reversal:1', /itself a reversal, of no-1/],
    ['a refusal', 'no-2', /was refused/],
    ['a hold', 'no-3', /is a hold/],
    ['a limit', 'no-4', /is a limit/],
    ['the second event of a transfer', 'no-5:credit', /second event of a transfer/],
    ['the first half of a transfer', 'no-6', /second event is not there/],
    ['an event that the ledger rejected', 'no-7', /rejected it/],
  ])('that is %s cannot be reversed', async (_, id, message) => {
    const { submit, reverse } = await instance()
    await submit('credit', { client_id: 'no', amount: 10, transaction_id: 'no-1' })
    await reverse('no-1', { amount: 1, reversal_id: 'once' })
    await submit('debit', { client_id: 'no', amount: 100, transaction_id: 'no-2' })
    await submit('hold', { client_id: 'no', amount: 1, transaction_id: 'no-3' })
    await submit('limit', { client_id: 'no', limit: 1, transaction_id: 'no-4' })
    await submit('transfer', { from: 'no', to: 'yes', amount: 1, transaction_id: 'no-5' })
    if (id === 'no-6')
      await ledger.emit('no', {
        type: 'debit',
        amount: 1,
        transaction_id: id,
        transfer: { counterparty: 'x' },
      })
    if (id === 'no-7') await ledger.emit('no', { type: 'debit', amount: 1_000, transaction_id: id })
    expect(await reverse(id)).toMatchObject({
      code: 'NOT_REVERSIBLE',
      details: { message: expect.stringMatching(message) },
    })
    expect(await reverse('no-such')).toMatchObject({ code: 'NOT_FOUND' })
  })
})

describe('the sum of the reversals never exceeds the transaction', () => {
  it('when two instances take all of it back at once', async () => {
    const [a, b] = [await instance(), await instance()]
    await a.submit('credit', { client_id: 'race', amount: 50, transaction_id: 'race-1' })
    await a.submit('debit', { client_id: 'race', amount: 50, transaction_id: 'race-2' })
    const outcomes = await Promise.all([a, b, a, b].map(({ reverse }) => reverse('race-2')))
    expect(codes(outcomes)).toEqual([...Array(3).fill('ALREADY_REVERSED'), 'done'])
    expect(await balanceOf('race')).toBe(50n)
  })

  it('when 20 parts of 10 are asked for at once of three instances, and there is room for 10', async () => {
    const all = [await instance(), await instance(), await instance()]
    await all[0]?.submit('credit', { client_id: 'parts', amount: 100, transaction_id: 'parts-1' })
    await all[0]?.submit('debit', { client_id: 'parts', amount: 100, transaction_id: 'parts-2' })
    const asked = Array.from({ length: 20 }, (_, i) =>
      all[i % 3]?.reverse('parts-2', { amount: 10, reversal_id: `part-${i}` }),
    )
    const outcomes = (await Promise.all(asked)).filter(outcome => outcome !== undefined)
    expect(codes(outcomes)).toEqual([...Array(10).fill('ALREADY_REVERSED'), ...Array(10).fill('done')])
    expect(await balanceOf('parts')).toBe(100n)
    expect(await reversalsOf('parts-2')).toEqual(
      Array.from({ length: 10 }, (_, i) => `parts-2:reversal:${i + 1}`),
    )
  })

  it('when events that are no reversals have the ids, also one that nobody can find any more', async () => {
    const { submit, reverse } = await instance()
    await submit('credit', { client_id: 'odd', amount: 50, transaction_id: 'odd-1' })
    await submit('debit', { client_id: 'odd', amount: 50, transaction_id: 'odd-2' })
    // the ledger rejects the first one, so the journal has no row of it
    await ledger.emit('odd', { type: 'debit', amount: 999, transaction_id: 'odd-2:reversal:1' })
    await submit('credit', { client_id: 'odd', amount: 1, transaction_id: 'odd-2:reversal:2' })
    expect(await reverse('odd-2', { reversal_id: 'odd-r' })).toMatchObject({
      reply: { transaction_id: 'odd-2:reversal:3', balance: 51n },
    })
    await ledger.caughtUp()
    // as when millions of events have come since
    const later = await instance(() => ({ seqOf: () => undefined }))
    expect(await later.reverse('odd-2')).toMatchObject({ code: 'ALREADY_REVERSED' })
    expect(await later.reverse('odd-2', { reversal_id: 'odd-r' })).toMatchObject({
      tag: 'done',
      replayed: true,
    })
    expect(await balanceOf('odd')).toBe(51n)
  })

  it('when it is not certain which ids the stream has: nothing is stored', async () => {
    const { submit } = await instance()
    await submit('credit', { client_id: 'dark', amount: 50, transaction_id: 'dark-1' })
    const end = await lastSeq(ledger.jsm)
    const blind = await instance(() => ({
      mayHave: () => true,
      seqOf: () => undefined,
      exactAfter: () => undefined,
      reachEnd: async () => false,
    }))
    expect(await blind.reverse('dark-1')).toMatchObject({ code: 'UNAVAILABLE' })
    expect(await lastSeq(ledger.jsm)).toBe(end)
  })
})

describe('the id that a caller gives its reversal', () => {
  it('gives one effect and one answer, from this instance and from one that never saw it', async () => {
    const a = await instance()
    await a.submit('credit', { client_id: 'own', amount: 50, transaction_id: 'own-1' })
    const first = await a.reverse('own-1', { amount: 20, reversal_id: 'r-1' })
    const second = await a.reverse('own-1', { reversal_id: 'r-2' })
    expect(second).toMatchObject({ reply: { amount: 30n, balance: 0n } })
    await ledger.caughtUp()
    for (const one of [a, await instance()]) {
      expect(await one.reverse('own-1', { amount: 20, reversal_id: 'r-1' })).toEqual({
        ...first,
        replayed: true,
      })
      expect(await one.reverse('own-1', { reversal_id: 'r-2' })).toEqual({ ...second, replayed: true })
      expect(await one.reverse('own-1', { amount: 21, reversal_id: 'r-1' })).toMatchObject({
        code: 'TRANSACTION_ID_REUSED',
        details: { field: 'amount', reversal_id: 'r-1', reverses: 'own-1' },
      })
    }
  })

  it('counts once when two instances get it at once', async () => {
    const [a, b] = [await instance(), await instance()]
    await a.submit('credit', { client_id: 'same', amount: 50, transaction_id: 'same-1' })
    const asked = { amount: 10, reversal_id: 'same-r' }
    const outcomes = await Promise.all([a, b, a, b].map(({ reverse }) => reverse('same-1', asked)))
    expect(codes(outcomes)).toEqual(Array(4).fill('done'))
    expect(await reversalsOf('same-1')).toEqual(['same-1:reversal:1'])
    expect(await balanceOf('same')).toBe(40n)
  })

  it('keeps a refusal, which uses up nothing of the transaction', async () => {
    const a = await instance()
    await a.submit('credit', { client_id: 'spent', amount: 50, transaction_id: 'spent-1' })
    await a.submit('debit', { client_id: 'spent', amount: 50 })
    const end = await lastSeq(ledger.jsm)
    expect(await a.reverse('spent-1')).toMatchObject({ code: 'INSUFFICIENT_FUNDS' })
    expect(await lastSeq(ledger.jsm)).toBe(end)
    const refused = await a.reverse('spent-1', { reversal_id: 'early' })
    expect(refused).toMatchObject({
      code: 'INSUFFICIENT_FUNDS',
      details: { transaction_id: 'spent-1:reversal:1', reverses: 'spent-1', reversal_id: 'early' },
    })
    await a.submit('credit', { client_id: 'spent', amount: 70 })
    expect(await a.reverse('spent-1', { reversal_id: 'late' })).toMatchObject({
      reply: { balance: 20n, amount: 50n },
    })
    await ledger.caughtUp()
    for (const one of [a, await instance()]) {
      expect(await one.reverse('spent-1', { reversal_id: 'early' })).toMatchObject({
        code: 'INSUFFICIENT_FUNDS',
        details: { replayed: true, transaction_id: 'spent-1:reversal:1' },
      })
    }
  })
})

it('a refusal because less is left is kept too, also when nothing is left any more', async () => {
  const a = await instance()
  await a.submit('credit', { client_id: 'much', amount: 50, transaction_id: 'much-1' })
  await a.reverse('much-1', { amount: 20, reversal_id: 'some' })
  const refused = await a.reverse('much-1', { amount: 31, reversal_id: 'more' })
  expect(refused).toMatchObject({
    code: 'REVERSAL_EXCEEDED',
    details: { transaction_id: 'much-1:reversal:2', remaining: 30n },
  })
  expect(await a.reverse('much-1')).toMatchObject({ reply: { amount: 30n, balance: 0n } })
  await ledger.caughtUp()
  for (const one of [a, await instance()])
    expect(await one.reverse('much-1', { amount: 31, reversal_id: 'more' })).toEqual({
      ...refused,
      details: { ...(refused as { details: object }).details, replayed: true },
    })
  expect(await a.reverse('much-1', { amount: 1, reversal_id: 'last' })).toMatchObject({
    code: 'ALREADY_REVERSED',
  })
})

describe('in a batch', () => {
  it('of the mode each, what came before counts, also a transaction of the same batch', async () => {
    const { taker } = await instance()
    const outcomes = await taker.submitEach(
      [
        command('credit', { client_id: 'each', amount: 9, transaction_id: 'each-1' }),
        command('reverse', { transaction_id: 'each-1', amount: 4 }),
        command('reverse', { transaction_id: 'each-1' }),
        command('reverse', { transaction_id: 'each-1' }),
        command('credit', { client_id: 'each', amount: 1, transaction_id: 'each-2' }),
      ].map(one => ({ command: one, has_given_id: one.type === 'credit' })),
    )
    expect(outcomes.map(outcome => (outcome.tag === 'done' ? outcome.reply : outcome.code))).toMatchObject([
      { balance: 9n },
      { balance: 5n, transaction_id: 'each-1:reversal:1' },
      { balance: 0n, transaction_id: 'each-1:reversal:2' },
      'ALREADY_REVERSED',
      { balance: 1n },
    ])
  })

  it('of the mode all, the reversals are stored with the rest, or nothing is', async () => {
    const [a, b] = [await instance(), await instance()]
    await a.submit('credit', { client_id: 'all', amount: 9, transaction_id: 'all-1' })
    const commands = (extra: number) => [
      command('reverse', { transaction_id: 'all-1', amount: 4 }),
      command('credit', { client_id: 'all', amount: 1 }),
      command('reverse', { transaction_id: 'all-1', amount: extra }),
    ]
    expect(await a.taker.submitAll(commands(6), false)).toMatchObject({
      code: 'REVERSAL_EXCEEDED',
      details: { index: 2, remaining: 5n },
    })
    expect(await balanceOf('all')).toBe(9n)
    const results = await Promise.all([a, b].map(({ taker }) => taker.submitAll(commands(5), false)))
    expect(results.map(({ tag }) => tag).toSorted()).toEqual(['done', 'failed'])
    expect(await reversalsOf('all-1')).toEqual(['all-1:reversal:1', 'all-1:reversal:2'])
    expect(await balanceOf('all')).toBe(1n)
  })

  it('of the mode all that is sent again, the answers are the same', async () => {
    const a = await instance()
    await a.submit('credit', { client_id: 'again', amount: 9, transaction_id: 'again-1' })
    const commands = [
      command('reverse', { transaction_id: 'again-1', reversal_id: 'again-r' }),
      command('credit', { client_id: 'again', amount: 1, transaction_id: 'again-2' }),
    ]
    const first = await a.taker.submitAll(commands, true)
    await ledger.caughtUp()
    expect(await (await instance()).taker.submitAll(commands, true)).toEqual({ ...first, replayed: true })
    expect(await balanceOf('again')).toBe(1n)
  })
})
