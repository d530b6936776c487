/** The ends of expired holds are written into a real stream, found by the index of a real table. */

import { QueryCommand } from '@aws-sdk/lib-dynamodb'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { right, startTestLedger, type TestLedger } from '../../../test/support/ledger.js'
import { until } from '../../../test/support/servers.js'
import { TE } from '../../fp.js'
import { firstExpiryMs } from '../../ledger/rules.js'
import { clientId } from '../../ledger/testing/arbitrary.js'
import { FROM_THE_BEGINNING, foldSubject } from '../../stream/fold-subject.js'
import { leadershipOf } from '../../stream/leadership.js'
import { readRange } from '../../stream/read.js'
import { timeCertainlyOver } from '../../stream/server-clock.js'
import { LEDGER_STREAM } from '../../stream/settings.js'
import { BY_CUSTOMER } from '../../tables/definition.js'
import { customersExpiring } from '../../tables/expiring.js'
import { readItems } from '../../tables/heads.js'
import { SHARDS } from '../../tables/shard.js'
import { type SweepPorts, sweep } from './sweep.js'
import { startSweeper, sweepPorts } from './sweeper.js'

let ledger: TestLedger

beforeAll(async () => {
  ledger = await startTestLedger()
  ledger.project()
  await right(leadershipOf(ledger.nc).prove())
})
afterAll(() => ledger.stop())

const ports = (own: Partial<SweepPorts> = {}): SweepPorts => ({
  ...sweepPorts(ledger, {
    table: TE.right(ledger.first_table),
    accounts: { forget: () => undefined },
    admit: () => true,
    isOnDuty: () => true,
    assets: async () => new Map([['EUR', { scale: 2, name: 'Euro' }]]),
  }),
  // a page of one customer, so that every look has several pages
  index: TE.right((shard, until_ms, after) =>
    customersExpiring(ledger.tables, ledger.first_table, shard, until_ms, after, 1),
  ),
  ...own,
})

const look = (own: Partial<SweepPorts> = {}) => sweep(ports(own), AbortSignal.timeout(20_000))

const lastSeq = async (): Promise<number> => (await ledger.jsm.streams.info(LEDGER_STREAM)).state.last_seq

const accountOf = async (id: string) => {
  const options = { to_seq: Number.POSITIVE_INFINITY, events_max: 10_000 }
  const { customer } = await right(foldSubject(ledger, clientId(id), FROM_THE_BEGINNING, options))
  return customer.account
}

const bodiesOf = async (id: string): Promise<Record<string, unknown>[]> => {
  const bodies: Record<string, unknown>[] = []
  const range = { stream: LEDGER_STREAM, subject: `customer.balance.${id}`, from_seq: 1 }
  for await (const { body } of readRange(ledger.nc, { ...range, to_seq: await lastSeq() }))
    bodies.push(JSON.parse(new TextDecoder().decode(body)))
  return bodies
}

const expiredIn = async (id: string): Promise<unknown[]> =>
  (await bodiesOf(id)).filter(({ expired }) => expired === true).map(({ hold }) => hold)

/** Holds that end in a moment, one of each customer. Resolves when they are over and the table has them. */
const holdsOf = async (ids: readonly string[], more: readonly object[] = []): Promise<void> => {
  const expires_at = new Date(Date.now() + 300).toISOString()
  const hold = (id: string) => ({
    schema: 2,
    type: 'hold',
    amount: 40,
    transaction_id: `${id}-h`,
    expires_at,
  })
  for (const id of ids) {
    await ledger.emit(id, { type: 'credit', amount: 100 })
    await ledger.emit(id, hold(id))
    for (const each of more) await ledger.emit(id, each)
  }
  await ledger.caughtUp()
  await until(async () => (timeCertainlyOver(ledger.nc)?.getTime() ?? 0) >= Date.parse(expires_at), {
    deadline_ms: 30_000,
    what: 'the holds to expire',
  })
}

describe('a look for expired holds', () => {
  it('writes one event for each, and none at the next look, whether the table has it yet or not', async () => {
    const open = { expires_at: '2030-01-01T00:00:00.000Z', transaction_id: 'plain-open', amount: 5 }
    await holdsOf(['plain', 'ice'], [{ schema: 2, type: 'state', state: 'frozen', reason: 'a dispute' }])
    await ledger.emit('open', { type: 'credit', amount: 5 })
    await ledger.emit('open', { schema: 2, type: 'hold', ...open })
    await ledger.caughtUp()
    const before_seq = await lastSeq()
    expect(await look()).toEqual({ holds: 2, skipped: 0 })
    expect(await look()).toEqual({ holds: 0, skipped: 0 })
    await ledger.caughtUp()
    expect(await look()).toEqual({ holds: 0, skipped: 0 })
    expect(await lastSeq()).toBe(before_seq + 2)
    expect(await expiredIn('ice')).toEqual(['ice-h'])
    expect(await accountOf('ice')).toMatchObject({ balance: 100n, version: 4, rules: { held: 0n } })
    expect(await accountOf('open')).toMatchObject({ rules: { held: 5n } })
  })

  it('brings the head, the rows and the sums up to date', async () => {
    await holdsOf(['kept'])
    const heldInAll = async (): Promise<bigint> => {
      const ids = Array.from({ length: 4 }, (_, lane) => `=all:${lane}`)
      const items = (await right(readItems(ledger.tables, ledger.first_table, ids))) as { held?: bigint }[]
      return items.reduce((sum, { held = 0n }) => sum + held, 0n)
    }
    const before = await heldInAll()
    await look()
    await ledger.caughtUp()
    expect(before - (await heldInAll())).toBe(40n)
    const [item] = await right(readItems(ledger.tables, ledger.first_table, ['kept']))
    const head = { id: 'kept', shard: expect.any(String), client_balance: 100n, version: 3n }
    expect(item).toEqual({ ...head, seq: expect.any(BigInt) })
    const { Items = [] } = await ledger.tables.send(
      new QueryCommand({
        TableName: ledger.first_table,
        IndexName: BY_CUSTOMER,
        KeyConditionExpression: 'client_id = :id',
        ExpressionAttributeValues: { ':id': 'kept' },
      }),
    )
    expect(Items.at(-1)).toMatchObject({ type: 'release', balance: 100n, version: 3n })
    expect(JSON.parse(String(Items.at(-1)?.details))).toMatchObject({ hold: 'kept-h', expired: true })
  })

  it('of three instances at once still writes one event for each hold', async () => {
    const ids = Array.from({ length: 12 }, (_, i) => `three-${i}`)
    await holdsOf(ids)
    // each has loaded the first account before one of them writes
    let loaded = 0
    const together: SweepPorts['load'] = async page => {
      const accounts = await ports().load(page)
      loaded += 1
      await until(() => loaded >= 3, { deadline_ms: 30_000, what: 'all three to have loaded the account' })
      return accounts
    }
    const swept = await Promise.all([1, 2, 3].map(() => look({ load: together })))
    expect(swept.reduce((sum, { holds }) => sum + holds, 0)).toBe(12)
    for (const id of ids) expect(await expiredIn(id)).toEqual([`${id}-h`])
  })

  it('writes those of the other customers when one of them is parked, or changes meanwhile', async () => {
    await holdsOf(['calm', 'busy', 'later'])
    await ledger.emit('later', { schema: 99, type: 'unknown' })
    const overtaken: SweepPorts['load'] = async ids => {
      const accounts = await ports().load(ids)
      if (ids.includes(clientId('busy'))) await ledger.emit('busy', { type: 'debit', amount: 90 })
      return accounts
    }
    expect(await look({ load: overtaken })).toEqual({ holds: 1, skipped: 2 })
    expect(await expiredIn('calm')).toEqual(['calm-h'])
    // the debit was judged without the hold, and took it off the account
    expect(await accountOf('busy')).toEqual({ balance: 10n, version: 3, seq: expect.any(Number) })
    expect(await look()).toMatchObject({ holds: 0 })
  })

  it('ends soon when the index is behind, and does not load all that it has written already', async () => {
    let pages = 0
    const ids = Array.from({ length: 50 }, (_, i) => clientId(`stale-${i}`))
    const index: SweepPorts['index'] = TE.right(() => {
      pages += 1
      return TE.right({ ids, next: { id: 'the next one' } })
    })
    expect(await look({ index })).toEqual({ holds: 0, skipped: 0 })
    expect(pages).toBe(4 * SHARDS)
  })

  it('ends without a word when projections are behind, or another instance decides', async () => {
    await holdsOf(['waits'])
    await expect(look({ admit: () => false })).rejects.toThrow('projections are behind')
    await expect(look({ isOnDuty: () => false })).rejects.toThrow('looks for expired holds no more')
    await expect(look({ now: () => undefined })).rejects.toThrow('time is not known')
    expect(await expiredIn('waits')).toEqual([])
    expect(await look()).toMatchObject({ holds: 1 })
  })
})

describe('the index', () => {
  it('has the customers whose hold has expired, the earliest first, and pages through them', async () => {
    const day = (n: number): string => `2031-01-0${n}T00:00:00.000Z`
    for (const n of [3, 1, 2]) {
      await ledger.emit(`page-${n}`, { type: 'credit', amount: 9 })
      for (const late of [n + 3, n]) {
        const hold = { transaction_id: `page-${n}-${late}`, amount: 1, expires_at: day(late) }
        await ledger.emit(`page-${n}`, { schema: 2, type: 'hold', ...hold })
      }
    }
    await ledger.caughtUp()
    const found: string[] = []
    for (let shard = 0; shard < SHARDS; shard += 1) {
      let after: Readonly<Record<string, unknown>> | undefined
      do {
        const until_ms = Date.parse(day(2))
        const page = await right(
          customersExpiring(ledger.tables, ledger.first_table, String(shard), until_ms, after, 1),
        )
        found.push(...page.ids)
        after = page.next
      } while (after !== undefined)
    }
    expect(found.filter(id => id.startsWith('page-')).sort()).toEqual(['page-1', 'page-2'])
    const rules = (await accountOf('page-3')).rules
    expect(rules === undefined ? undefined : firstExpiryMs(rules)).toBe(Date.parse(day(3)))
  })
})

it('the sweeper looks again and again, in a ledger that takes holds', async () => {
  await holdsOf(['again'])
  let is_open = false
  let looks_at_gate = 0
  const gate = {
    lookUp: async () => {
      looks_at_gate += 1
      return is_open
    },
  }
  const sweeper = startSweeper(ports(), gate, 20)
  try {
    await until(async () => looks_at_gate > 2, { deadline_ms: 5_000, what: 'some looks' })
    expect(await expiredIn('again')).toEqual([])
    is_open = true
    await until(async () => (await expiredIn('again')).length > 0, { deadline_ms: 30_000, what: 'the event' })
  } finally {
    await sweeper.stop()
  }
  expect(await expiredIn('again')).toEqual(['again-h'])
})
