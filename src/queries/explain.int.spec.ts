/** `customer.explain`: every event and command of a ledger, asked for after the fact. */

import type { Msg } from 'nats'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { right } from '../../test/support/ledger.js'
import { until } from '../../test/support/servers.js'
import { createCoordinator } from '../commands/compose.js'
import type { Coordinator } from '../commands/group-commit/coordinator.js'
import { E } from '../fp.js'
import type { Account } from '../ledger/account.js'
import { decodeCommand } from '../ledger/command.js'
import { NEW_CUSTOMER, type Step, step } from '../ledger/fold.js'
import { decodePlain } from '../ledger/testing/plain.js'
import { errorOf } from '../service/testing/harness.js'
import { projectionLag } from '../stream/lag.js'
import { readRange } from '../stream/read.js'
import { DEAD_LETTER_STREAM, LEDGER_STREAM, LEDGER_SUBJECTS } from '../stream/settings.js'
import type { JournalKind } from '../tables/savepoints.js'
import { type Rig, startRig } from './testing/rig.js'

let rig: Rig
let coordinator: Coordinator

type Event = Readonly<Record<string, unknown>> & {
  readonly outcome: string
  readonly seq: number
  readonly before: Readonly<Record<string, unknown>>
  readonly after: Readonly<Record<string, unknown>>
  readonly counted: Readonly<Record<string, unknown>>
}
type Explanation = { readonly status: string; readonly events: readonly Event[] }

const ask = (request: object): Promise<Msg> => rig.ask('customer.explain', request)
const explain = async (request: object): Promise<Explanation> =>
  JSON.parse((await ask(request)).string()) as Explanation
const explainId = async (transaction_id: string): Promise<readonly Event[]> =>
  (await explain({ transaction_id })).events

/** Carries out a command; gives the code of its refusal. */
const say = async (
  type: Parameters<typeof decodeCommand>[0],
  transaction_id: string,
  fields: object,
): Promise<string> => {
  const command = decodeCommand(type, { transaction_id, ...fields }, '')
  if (E.isLeft(command)) throw new Error(command.left)
  const outcome = await coordinator.submit(command.right, true)
  return outcome.tag === 'done' ? 'done' : outcome.code
}

/** Events by publishers, some of which have no effect. */
const DIRECT = [
  ['678', { type: 'debit', amount: 5_000, transaction_id: 'too-much' }],
  ['678', { schema: 2, type: 'release', hold: 'call-17', transaction_id: 'late-release' }],
  ['678', { schema: 2, type: 'debit', amount: 1, hold: 'call-0', transaction_id: 'no-hold' }],
  ['678', { schema: 2, type: 'release', hold: 'call-18', expired: true, transaction_id: 'too-early' }],
  ['678', '{"type":"credit","amount":1.5}'],
  ['678', { type: 'credit', amount: 1, transaction_id: 'direct' }],
] as const

/** What the explanation of a message has to say by the fold. */
const expectedOf = (next: Step, before: Account, { balance, version, seq }: Account): object => {
  if (next.tag === 'dead') return { outcome: 'refused', code: next.reason }
  // the record of a refusal counts, and changes nothing
  if (version === before.version) return { outcome: 'declined' }
  return {
    ...{ outcome: 'applied', before: { version: before.version } },
    after: { balance: Number(balance), version, seq },
  }
}

describe.each<JournalKind>(['every-event', 'savepoints'])('with rows of %s,', journal => {
  beforeAll(async () => {
    rig = await startRig({ journal })
    rig.project()
    await rig.caughtUp()
    coordinator = createCoordinator(rig, { queue_max: 1_000, timeout_ms: 10_000 })
    const done: string[] = []
    for (const [type, id, fields] of [
      ['credit', 'c-1', { client_id: '678', amount: 1_000 }],
      ['hold', 'call-17', { client_id: '678', amount: 300 }],
      ['debit', 'd-1', { client_id: '678', amount: 800 }],
      ['capture', 'cap-1', { client_id: '678', hold: 'call-17', amount: 120 }],
      ['capture', 'cap-2', { client_id: '678', hold: 'call-17' }],
      ['limit', 'l-1', { client_id: '678', limit: 50 }],
      ['hold', 'call-18', { client_id: '678', amount: 890 }],
      ['transfer', 't-1', { from: '678', to: 'shop', amount: 30 }],
      ['restrict', 'r-1', { client_id: 'shop', state: 'no_credit', reason: 'chargeback 81' }],
      ['transfer', 't-2', { from: '678', to: 'shop', amount: 1 }],
    ] as const)
      done.push(await say(type, id, fields))
    expect(done).toEqual([
      ...['done', 'done', 'INSUFFICIENT_FUNDS', 'done', 'HOLD_NOT_OPEN', 'done', 'done', 'done', 'done'],
      'ACCOUNT_RESTRICTED',
    ])
    for (const [id, body] of DIRECT) await rig.emit(id, body)
    await rig.caughtUp()
    const letters = async (): Promise<number> =>
      (await rig.jsm.streams.info(DEAD_LETTER_STREAM)).state.messages
    await until(async () => (await letters()) >= 5, { deadline_ms: 30_000, what: 'the dead letters' })
  })

  afterAll(async () => {
    await coordinator.stop()
    await rig.stop()
  })

  describe('customer.explain', () => {
    it('gives the account before a command, the rule, what counted, and the account after', async () => {
      const [hold] = await explainId('call-17')
      expect(hold).toMatchObject({
        ...{ client_id: '678', outcome: 'applied', event: { type: 'hold', amount: 300 } },
        rule: expect.stringContaining('balance - held + limit'),
        counted: { amount: 300, available: 1_000, open_holds: 0 },
        before: { balance: 1_000, available: 1_000, held: 0, version: 1, open_holds: 0 },
        after: {
          balance: 1_000,
          available: 700,
          held: 300,
          version: 2,
          holds: [{ hold: 'call-17', remaining: 300 }],
        },
      })
      const [captured] = await explainId('cap-1')
      expect(captured).toMatchObject({
        ...{ outcome: 'applied', event: { type: 'debit', hold: 'call-17', final: true } },
        rule: expect.stringContaining('what is available is not asked'),
        counted: { amount: 120, hold: { hold: 'call-17', remaining: 300, is_open: true } },
        before: { balance: 1_000, held: 300 },
        after: { balance: 880, available: 880, held: 0, open_holds: 0 },
      })
    })

    it('says of a refused command what it wanted, and that it changed nothing', async () => {
      const [refused] = await explainId('d-1')
      expect(refused).toMatchObject({
        ...{ outcome: 'declined', command: 'debit', code: 'INSUFFICIENT_FUNDS', refused_by: '678' },
        ...{ wanted: { type: 'debit', amount: 800 }, counted: { amount: 800, available: 700 } },
        before: { balance: 1_000, held: 300 },
      })
      expect(refused?.after).toEqual(refused?.before)
      expect(refused).not.toHaveProperty('law')
      const [late] = await explainId('cap-2')
      expect(late).toMatchObject({ code: 'HOLD_NOT_OPEN', rule: expect.stringContaining('must be open') })
      expect([late?.counted, late?.wanted]).toEqual([
        { available: 880, hold_was: 'captured', ended_by: 'cap-1', ended_at: expect.any(String) },
        expect.not.objectContaining({ amount: expect.anything() }),
      ])
    })

    it('gives both accounts of a transfer, and of a refused one the account that refused it', async () => {
      expect(await explainId('t-1')).toMatchObject([
        {
          client_id: '678',
          event: { counterparty: 'shop' },
          before: { balance: 880, limit: 50 },
          after: { balance: 850, available: 10 },
        },
        { client_id: 'shop', event: { counterparty: '678' }, before: { balance: 0 }, after: { balance: 30 } },
      ])
      expect(await explainId('t-2')).toMatchObject([
        {
          ...{ client_id: '678', outcome: 'declined', refused_by: 'shop', code: 'ACCOUNT_RESTRICTED' },
          counted: { state: 'no_credit', reason: 'chargeback 81' },
          before: { balance: 30, state: 'no_credit', reason: 'chargeback 81' },
        },
      ])
    })

    it.each([
      ['too-much', 'INSUFFICIENT_FUNDS', { amount: 5_000, available: 10 }],
      ['late-release', 'HOLD_NOT_OPEN', { available: 10, hold_was: 'captured', ended_by: 'cap-1' }],
      ['no-hold', 'HOLD_NOT_OPEN', { available: 10, hold_was: 'never_made' }],
      ['too-early', 'NOT_EXPIRED', { hold: { hold: 'call-18', remaining: 890, is_open: true } }],
    ])('finds %s among the dead letters: %s', async (id, code, counted) => {
      const [event, ...more] = await explainId(id)
      expect([event, more]).toMatchObject([{ outcome: 'refused', code, counted }, []])
      expect(event?.after).toEqual(event?.before)
    })

    it('finds what the projection has not reached yet, and says the same once it has', async () => {
      const asked = ['applied-ahead', 'refused-ahead', 'nobody']
      const explainAll = () => Promise.all(asked.map(transaction_id => explain({ transaction_id })))
      await rig.jsm.consumers.pause(LEDGER_STREAM, 'ledger', new Date(Date.now() + 600_000))
      try {
        const seq = await rig.emit('ahead', { type: 'credit', amount: 7, transaction_id: 'applied-ahead' })
        await rig.emit('ahead', { type: 'debit', amount: 8, transaction_id: 'refused-ahead' })
        const before = await explainAll()
        expect((await right(projectionLag(rig.nc, 'ledger'))).seq).toBeLessThan(seq)
        expect(before).toMatchObject([
          { events: [{ seq, client_id: 'ahead', after: { balance: 7 } }] },
          { events: [{ outcome: 'refused', code: 'INSUFFICIENT_FUNDS', before: { balance: 7 } }] },
          { status: 'unknown' },
        ])
        await rig.jsm.consumers.resume(LEDGER_STREAM, 'ledger')
        await rig.caughtUp()
        expect(await explainAll()).toEqual(before)
      } finally {
        await rig.jsm.consumers.resume(LEDGER_STREAM, 'ledger')
      }
    })

    it('knows nothing of an id that the ledger does not hold', async () => {
      const reply = await ask({ transaction_id: 'nobody' })
      expect(reply.string()).toBe('{"transaction_id":"nobody","status":"unknown","events":[]}')
      expect(await explain({ seq: 9_999_999 })).toMatchObject({ status: 'unknown' })
    })

    it('agrees with the fold about every message of the stream, by its sequence', async () => {
      const customers = new Map<string, typeof NEW_CUSTOMER>()
      const { last_seq } = (await rig.jsm.streams.info(LEDGER_STREAM)).state
      const range = { stream: LEDGER_STREAM, subject: LEDGER_SUBJECTS, from_seq: 1, to_seq: last_seq }
      for await (const record of readRange(rig.nc, range)) {
        const decoded = decodePlain(record.body)
        const before = customers.get(record.subject) ?? NEW_CUSTOMER
        const next = step(before, record, decoded)
        if (next.tag === 'applied') customers.set(record.subject, next.customer)
        const [event] = (await explain({ seq: record.seq })).events
        const { account } = customers.get(record.subject) ?? NEW_CUSTOMER
        expect(event).toMatchObject(expectedOf(next, before.account, account))
      }
    })

    it.each([
      [{}, 'transaction_id, seq'],
      [{ transaction_id: 'a', seq: 1 }, 'transaction_id, seq'],
      [{ transaction_id: 'a b' }, 'transaction_id'],
      [{ transaction_id: 7 }, 'transaction_id'],
      [{ seq: 0 }, 'seq'],
      [{ seq: 1.5 }, 'seq'],
      [{ transaction_id: 'a', client_id: 'b' }, 'client_id'],
    ])('refuses %j and names %s', async (request, named) => {
      const reply = await ask(request)
      expect([errorOf(reply), reply.string()]).toEqual([
        '400:INVALID_REQUEST',
        expect.stringContaining(named),
      ])
    })

    it('does not say that it knows nothing of an id while a customer is parked, whose events it cannot judge', async () => {
      const seq = await rig.emit('later', {
        schema: 9,
        type: 'credit',
        amount: 1,
        transaction_id: 'from-later',
      })
      await rig.emit('later', { type: 'credit', amount: 1, transaction_id: 'behind-it' })
      await rig.caughtUp()
      await rig.caughtUp()
      for (const id of ['from-later', 'behind-it', 'nobody']) {
        const reply = await ask({ transaction_id: id })
        expect([errorOf(reply), reply.string()]).toEqual([
          '503:UNAVAILABLE',
          expect.stringContaining('parked customers'),
        ])
      }
      expect(await explain({ seq })).toMatchObject({ events: [{ outcome: 'waits' }] })
      expect(await explainId('c-1')).toMatchObject([{ outcome: 'applied' }])
    })

    it('says that it cannot look everywhere while DynamoDB is away', async () => {
      await rig.dynamodb.kill()
      try {
        expect(errorOf(await ask({ transaction_id: 'c-1' }))).toBe('503:UNAVAILABLE')
        // a sequence needs no journal
        expect(await explain({ seq: 1 })).toMatchObject({ events: [{ after: { balance: 1_000 } }] })
      } finally {
        await rig.dynamodb.start()
      }
    })
  })
})
