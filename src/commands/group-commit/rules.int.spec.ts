import { connect } from 'nats'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { right, startTestLedger, type TestLedger } from '../../../test/support/ledger.js'
import { until } from '../../../test/support/servers.js'
import { startWrongClockRelay } from '../../../test/support/wrong-clock-relay.js'
import { E } from '../../fp.js'
import type { Account } from '../../ledger/account.js'
import { type DirectCommand, decodeCommand } from '../../ledger/command.js'
import { clientId } from '../../ledger/testing/arbitrary.js'
import { FROM_THE_BEGINNING, foldSubject } from '../../stream/fold-subject.js'
import { leadershipOf } from '../../stream/leadership.js'
import { DEAD_LETTER_STREAM } from '../../stream/settings.js'
import { readItems } from '../../tables/heads.js'
import { uuidv7 } from '../../uuid.js'
import { createCoordinator } from '../compose.js'
import type { CommandDeps } from '../deps.js'
import type { Outcome } from '../outcome.js'
import type { Coordinator } from './coordinator.js'

let ledger: TestLedger
const coordinators: Coordinator[] = []

beforeAll(async () => {
  ledger = await startTestLedger()
  ledger.project()
  await right(leadershipOf(ledger.nc).prove())
})

afterEach(async () => {
  await Promise.all(coordinators.splice(0).map(coordinator => coordinator.stop()))
})

afterAll(() => ledger.stop())

const start = (deps: CommandDeps): Coordinator => {
  const coordinator = createCoordinator(deps, { queue_max: 1_000, timeout_ms: 10_000 })
  coordinators.push(coordinator)
  return coordinator
}

const command = (type: DirectCommand['type'], fields: object, transaction_id = uuidv7()): DirectCommand => {
  const decoded = decodeCommand(type, { transaction_id, ...fields }, '')
  if (E.isLeft(decoded)) throw new Error(decoded.left)
  return decoded.right
}

/** The code of a refusal, or the reply without what differs from run to run. */
const brief = (outcome: Outcome): unknown => {
  if (outcome.tag === 'failed') return outcome.code
  const {
    seq: _,
    transaction_id: _t,
    expires_at: _e,
    client_id: _c,
    ...reply
  } = outcome.reply as Record<string, unknown>
  return reply
}

const rig = (deps: CommandDeps = ledger) => {
  const coordinator = start(deps)
  const submit = (type: DirectCommand['type'], fields: object, id?: string): Promise<Outcome> =>
    coordinator.submit(command(type, fields, id), id !== undefined)
  return { submit, say: async (...args: Parameters<typeof submit>) => brief(await submit(...args)) }
}

/** The account as a fold of the stream gives it. */
const folded = async (id: string): Promise<Account> => {
  const options = { to_seq: Number.POSITIVE_INFINITY, events_max: 10_000 }
  const { customer } = await right(foldSubject(ledger, clientId(id), FROM_THE_BEGINNING, options))
  return customer.account
}

const codes = (outcomes: readonly Outcome[]): string[] =>
  outcomes.map(outcome => (outcome.tag === 'done' ? 'done' : outcome.code)).sort()

describe('holds', () => {
  it('six holds of 1,000 against 5,000: exactly five are granted, whichever instance they come to', async () => {
    const [a, b] = [rig(), rig()]
    await a.submit('credit', { client_id: 'six', amount: 5_000 })
    const outcomes = await Promise.all(
      [a, b, a, b, a, b].map(one => one.submit('hold', { client_id: 'six', amount: 1_000 })),
    )
    expect(codes(outcomes)).toEqual(['INSUFFICIENT_FUNDS', ...Array(5).fill('done')])
    expect((await folded('six')).rules).toMatchObject({ held: 5_000n })
    expect(await a.say('debit', { client_id: 'six', amount: 1 })).toBe('INSUFFICIENT_FUNDS')
  })

  it('a hold that two instances capture at once counts once', async () => {
    const [a, b] = [rig(), rig()]
    await a.submit('credit', { client_id: 'twice', amount: 100 })
    expect(await a.say('hold', { client_id: 'twice', amount: 60 }, 'twice-h')).toEqual({
      balance: 100n,
      version: 2,
      available: 40n,
      held: 60n,
    })
    const outcomes = await Promise.all(
      [a, b].map(one => one.submit('capture', { client_id: 'twice', hold: 'twice-h' })),
    )
    expect(codes(outcomes)).toEqual(['HOLD_NOT_OPEN', 'done'])
    expect(await folded('twice')).toEqual({ balance: 40n, version: 3, seq: expect.any(Number) })
  })

  it('partial captures end with the hold, and never take more than it', async () => {
    const { say } = rig()
    await say('credit', { client_id: 'parts', amount: 100 })
    await say('hold', { client_id: 'parts', amount: 50 }, 'parts-h')
    const part = (amount: number) => ({ client_id: 'parts', hold: 'parts-h', amount, final: false })
    expect(await say('capture', part(20))).toMatchObject({ balance: 80n, held: 30n, available: 50n })
    expect(await say('capture', part(31))).toBe('HOLD_EXCEEDED')
    expect(await say('release', { client_id: 'parts', hold: 'parts-h', amount: 5 })).toMatchObject({
      held: 25n,
    })
    expect(await say('capture', part(25))).toEqual({ balance: 55n, version: 5 })
    expect(await say('release', { client_id: 'parts', hold: 'parts-h' })).toBe('HOLD_NOT_OPEN')
  })

  it('a captured hold may go to another customer, in one batch', async () => {
    const { submit } = rig()
    await submit('credit', { client_id: 'payer', amount: 30 })
    await submit('hold', { client_id: 'payer', amount: 30 }, 'pay-h')
    const outcome = await submit('capture', { client_id: 'payer', hold: 'pay-h', to: 'shop' }, 'pay-c')
    expect(outcome).toMatchObject({ tag: 'done', reply: { from: { balance: 0n }, to: { balance: 30n } } })
    const again = await rig().submit('capture', { client_id: 'payer', hold: 'pay-h', to: 'shop' }, 'pay-c')
    expect(again).toEqual({ ...outcome, replayed: true })
  })

  it('a hold that has expired counts no more, without any event that says so', async () => {
    const { say, submit } = rig()
    await submit('credit', { client_id: 'late', amount: 10 })
    await submit('hold', { client_id: 'late', amount: 10, expires_in: 1 }, 'late-h')
    expect(await say('debit', { client_id: 'late', amount: 10 })).toBe('INSUFFICIENT_FUNDS')
    const debited = await until(
      async () => {
        const outcome = await submit('debit', { client_id: 'late', amount: 10 })
        return outcome.tag === 'done' && outcome
      },
      { deadline_ms: 5_000, what: 'the hold to expire' },
    )
    expect(brief(debited)).toMatchObject({ balance: 0n })
    expect(await say('capture', { client_id: 'late', hold: 'late-h' })).toBe('HOLD_NOT_OPEN')
    expect(await folded('late')).toMatchObject({ balance: 0n })
  })

  it('each command has the same answer for ever, from this instance and from one that never saw it', async () => {
    const a = rig()
    await a.submit('credit', { client_id: 'same', amount: 100 })
    const asked: [DirectCommand['type'], object, string][] = [
      ['hold', { client_id: 'same', amount: 40 }, 'same-1'],
      ['hold', { client_id: 'same', amount: 90 }, 'same-2'],
      ['capture', { client_id: 'same', hold: 'same-1', amount: 15, final: false }, 'same-3'],
      ['capture', { client_id: 'same', hold: 'same-9' }, 'same-4'],
      ['release', { client_id: 'same', hold: 'same-1' }, 'same-5'],
      ['limit', { client_id: 'same', limit: 20 }, 'same-6'],
      ['restrict', { client_id: 'same', state: 'frozen', reason: 'a dispute' }, 'same-7'],
      ['credit', { client_id: 'same', amount: 1 }, 'same-8'],
    ]
    const first: Outcome[] = []
    for (const each of asked) first.push(await a.submit(...each))
    expect(first.map(outcome => (outcome.tag === 'done' ? 'done' : outcome.code))).toEqual([
      ...[
        'done',
        'INSUFFICIENT_FUNDS',
        'done',
        'HOLD_NOT_OPEN',
        'done',
        'done',
        'done',
        'ACCOUNT_RESTRICTED',
      ],
    ])
    for (const one of [a, rig()]) {
      for (const [i, each] of asked.entries()) {
        const again = await one.submit(...each)
        const { [i]: before } = first
        if (again.tag === 'done') expect(again).toEqual({ ...before, replayed: true })
        else expect(again).toMatchObject({ code: codes([before as Outcome])[0], details: { replayed: true } })
      }
      expect(await one.submit('hold', { client_id: 'same', amount: 41 }, 'same-1')).toMatchObject({
        code: 'TRANSACTION_ID_REUSED',
        details: { field: 'amount' },
      })
    }
  })
})

describe('limits and restrictions', () => {
  it('a balance may fall to the negative of its limit, and a lower limit stops new debits only', async () => {
    const { say } = rig()
    expect(await say('limit', { client_id: 'low', limit: 50 })).toEqual({
      balance: 0n,
      version: 1,
      available: 50n,
      held: 0n,
    })
    expect(await say('debit', { client_id: 'low', amount: 51 })).toBe('INSUFFICIENT_FUNDS')
    expect(await say('debit', { client_id: 'low', amount: 50 })).toMatchObject({
      balance: -50n,
      available: 0n,
    })
    expect(await say('limit', { client_id: 'low', limit: 10 })).toMatchObject({ available: -40n })
    expect(await say('debit', { client_id: 'low', amount: 1 })).toBe('INSUFFICIENT_FUNDS')
    expect(await say('credit', { client_id: 'low', amount: 60 })).toMatchObject({
      balance: 10n,
      available: 20n,
    })
  })

  it('an event for a frozen account is a dead letter, and the account is as it was', async () => {
    const { say } = rig()
    await say('restrict', { client_id: 'ice', state: 'frozen', reason: 'a dispute' })
    const seq = await ledger.emit('ice', { type: 'credit', amount: 5 })
    const { message } = await until(
      async () => {
        const found = await ledger.jsm.streams
          .getMessage(DEAD_LETTER_STREAM, { last_by_subj: '>' })
          .catch(() => undefined)
        return (
          found?.header.get('Ledger-Seq') === String(seq) && { message: found.header.get('Ledger-Reason') }
        )
      },
      { deadline_ms: 30_000, what: 'the dead letter' },
    )
    expect(message).toBe('ACCOUNT_RESTRICTED')
    expect(await folded('ice')).toMatchObject({ balance: 0n, version: 1 })
  })
})

it('the table holds what the stream says, each hold and limit with it', async () => {
  const { submit } = rig()
  await submit('credit', { client_id: 'kept', amount: 500 })
  await submit('limit', { client_id: 'kept', limit: 7 })
  await submit('hold', { client_id: 'kept', amount: 120, expires_at: '2027-06-01T00:00:00Z' }, 'kept-h')
  await ledger.caughtUp()
  const item = async (id: string) => (await right(readItems(ledger.tables, ledger.first_table, [id])))[0]
  expect(await item('kept')).toMatchObject({
    client_balance: 500n,
    version: 3n,
    held: 120n,
    account_rules: expect.stringMatching(/^\d+ 7 - - -\nkept-h 3c \w+$/),
  })
  expect(await item('#kept-h')).toMatchObject({
    type: 'hold',
    amount: 120n,
    balance: 500n,
    held: 120n,
    details: expect.stringContaining('"expires_at":"2027-06-01T00:00:00.000Z"'),
  })
})

describe('when the clock of the leader that stores is an hour behind that of the leader before it', () => {
  const HOUR_MS = 3_600_000
  /** Commands that are decided at the time of the leader before, which this connection still goes by. */
  const rigAhead = async () => {
    const relay = await startWrongClockRelay(ledger.servers.nats.url, HOUR_MS)
    const nc = await connect({ servers: relay.url })
    ledger.atStop(async () => {
      await nc.close()
      relay.stop()
    })
    await right(leadershipOf(nc).prove())
    return rig({ ...ledger, nc })
  }

  it('the answer says what the fold makes of a stored event, and not what was decided', async () => {
    const [now, ahead] = [rig(), await rigAhead()]
    await now.submit('credit', { client_id: 'hour', amount: 100 })
    await now.submit('hold', { client_id: 'hour', amount: 60, expires_in: 1_800 }, 'hour-h')
    // an hour later the hold would have expired
    expect(await ahead.say('credit', { client_id: 'hour', amount: 5 })).toMatchObject({
      balance: 105n,
      available: 45n,
      held: 60n,
    })
    const refused = { code: 'INSUFFICIENT_FUNDS', details: { balance: 105n, available: 45n } }
    for (const one of [ahead, ahead, now])
      expect(await one.submit('debit', { client_id: 'hour', amount: 50 }, 'hour-d')).toMatchObject(refused)
    expect(await folded('hour')).toMatchObject({ balance: 105n, version: 3, rules: { held: 60n } })
  })
})
