/** Reads of accounts with holds, limits and restrictions, while the stream's clock is moved by the test. */

import type { Msg } from 'nats'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { errorOf } from '../service/testing/harness.js'
import { leadershipOf } from '../stream/leadership.js'
import { LEDGER_STREAM } from '../stream/settings.js'
import { type Rig, startRig } from './testing/rig.js'

const S = 1_000
const DAY_S = 86_400

let rig: Rig
/** The milliseconds by which the clock of the readers is ahead of the servers'; undefined: they know no time. */
let ahead_ms: number | undefined = 0
const begin_ms = Date.now()

const inTime = (s: number): string => new Date(begin_ms + s * S).toISOString()
const emit = (id: string, event: object): Promise<number> => rig.emit(id, { schema: 2, ...event })
const hold = (id: string, name: string, amount: number, ends_s = DAY_S): Promise<number> =>
  emit(id, { type: 'hold', transaction_id: name, amount, expires_at: inTime(ends_s) })
const credit = (id: string, amount: number | string): Promise<number> =>
  rig.emit(id, { type: 'credit', amount })

/** The stored event at a sequence, with its time in full. */
const eventAt = async (seq: number): Promise<{ readonly at: string }> => {
  const found = await rig.jsm.streams.getMessage(LEDGER_STREAM, { seq })
  return { at: found?.timestamp ?? '' }
}

const json = (reply: Msg): unknown => JSON.parse(reply.string())
/** The body of a reply about a balance, and what its headers say of the rules. */
const brief = (reply: Msg): string =>
  [reply.string(), reply.headers?.get('Ledger-Available'), reply.headers?.get('Ledger-Held')].join(' ').trim()
const balance = async (request: object): Promise<string> => brief(await rig.ask('customer.balance', request))
const sourceOf = (reply: Msg): string | undefined => reply.headers?.get('Ledger-Source')

beforeAll(async () => {
  rig = await startRig({}, undefined, () => {
    const proof = leadershipOf(rig.nc).newest()
    return ahead_ms === undefined || proof === undefined ? undefined : new Date(Date.now() + ahead_ms)
  })
  rig.project()
  await rig.caughtUp()
})

afterAll(() => rig.stop())

describe('a plain account', () => {
  it('has its old headers and no others, and all of it in customer.account', async () => {
    const seq = await credit('plain', 7)
    await rig.caughtUp()
    for (const source of ['table', 'memory']) {
      const reply = await rig.ask('customer.balance', { client_id: 'plain' })
      expect([reply.string(), [...(reply.headers?.keys() ?? [])], sourceOf(reply)]).toEqual([
        '{"balance":7}',
        ['Ledger-Version', 'Ledger-Seq', 'Ledger-Source'],
        source,
      ])
    }
    expect((await rig.ask('customer.account', { client_id: 'plain' })).string()).toBe(
      `{"client_id":"plain","balance":7,"available":7,"held":0,"limit":0,"state":"active","version":1,"seq":${seq},"holds":[]}`,
    )
    expect((await rig.ask('customer.holds', { client_id: 'nobody' })).string()).toBe(
      '{"client_id":"nobody","held":0,"holds":[]}',
    )
  })

  it('needs no time', async () => {
    ahead_ms = undefined
    expect(await balance({ client_id: 'plain' })).toBe('{"balance":7}')
    ahead_ms = 0
  })
})

describe('an account with rules', () => {
  it('says in headers what is available and held, each only where it tells something', async () => {
    await credit('header', 100)
    await emit('header', { type: 'limit', limit: 40 })
    expect(await balance({ client_id: 'header', min_version: 2 })).toBe('{"balance":100} 140')
    await hold('header', 'header-1', 40)
    expect(await balance({ client_id: 'header', min_version: 3 })).toBe('{"balance":100}  40')
    await hold('header', 'header-2', 70)
    expect(await balance({ client_id: 'header', min_version: 4 })).toBe('{"balance":100} 30 110')
    await emit('header', { type: 'release', hold: 'header-2' })
    expect(await balance({ client_id: 'header', min_version: 5 })).toBe('{"balance":100}  40')
  })

  it('changes by itself when the time comes, in memory, from the table, from the stream and for a strong reader alike', async () => {
    await credit('timed', 100)
    await hold('timed', 'timed-1', 30, 600)
    await hold('timed', 'timed-2', 20, 1_200)
    const seq = await emit('timed', {
      ...{ type: 'state', state: 'no_debit', reason: 'a check', until: inTime(900) },
    })
    await rig.caughtUp()
    // without memory each answer is read from the table
    const cold = await rig.startQueries({ hot_customers_max: 0 })
    const seen = new Set<string | undefined>()
    const ask = async (how: object) => {
      const reply = await rig.ask('customer.account', { client_id: 'timed', ...how })
      seen.add(sourceOf(reply))
      const { available, held, state, holds } = json(reply) as Record<string, unknown> & { holds: unknown[] }
      return [available, held, state, holds.length].join(' ')
    }
    for (const [ahead_s, shown] of [
      [0, '50 50 no_debit 2'],
      [599, '50 50 no_debit 2'],
      [601, '80 20 no_debit 1'],
      [901, '80 20 active 1'],
      [601, '80 20 no_debit 1'],
      [1_201, '100 0 active 0'],
    ] as const) {
      ahead_ms = begin_ms + ahead_s * S - Date.now()
      const hows = [{}, {}, {}, {}, { consistency: 'strong' }, { consistency: 'strong' }, { min_version: 4 }]
      expect([ahead_s, ...(await Promise.all(hows.map(ask)))]).toEqual([ahead_s, ...hows.map(() => shown)])
      const headers = shown.startsWith('100') ? '' : ` ${shown.split(' ').slice(0, 2).join(' ')}`
      expect(await balance({ client_id: 'timed' })).toBe(`{"balance":100}${headers}`)
    }
    expect([...seen].sort()).toEqual(['memory', 'table'])
    await cold.service.stop()
    await rig.dynamodb.kill()
    const from_stream = await rig.startQueries()
    try {
      const replies = await Promise.all(
        Array.from({ length: 8 }, () =>
          rig.ask('customer.account', { client_id: 'timed', consistency: 'strong' }),
        ),
      )
      expect(new Set(replies.map(sourceOf))).toEqual(new Set(['memory', 'stream']))
      expect(new Set(replies.map(reply => reply.string()))).toEqual(
        new Set([
          `{"client_id":"timed","balance":100,"available":100,"held":0,"limit":0,"state":"active","version":4,"seq":${seq},"holds":[]}`,
        ]),
      )
    } finally {
      await from_stream.service.stop()
      await rig.dynamodb.start()
      ahead_ms = 0
    }
  })

  it('is not answered while no server tells the time, unless nothing of it depends on time', async () => {
    await credit('clock', 100)
    await emit('clock', { type: 'limit', limit: 5 })
    ahead_ms = undefined
    expect(await balance({ client_id: 'clock', min_version: 2 })).toBe('{"balance":100} 105')
    await hold('clock', 'clock-1', 1)
    for (const subject of ['customer.balance', 'customer.account', 'customer.holds']) {
      const reply = await rig.ask(subject, {
        ...{ client_id: 'clock' },
        ...(subject === 'customer.holds' ? {} : { min_version: 3 }),
      })
      expect([errorOf(reply), reply.string()]).toEqual([
        '503:UNAVAILABLE',
        expect.stringContaining("the time by the stream's clock is not known"),
      ])
    }
    ahead_ms = 0
    expect(await balance({ client_id: 'clock', min_version: 3 })).toBe('{"balance":100} 104 1')
  })

  it('says what restricts it, and until when', async () => {
    await emit('ice', { type: 'state', state: 'frozen', reason: 'chargeback 81', until: inTime(DAY_S) })
    expect(json(await rig.ask('customer.account', { client_id: 'ice', min_version: 1 }))).toMatchObject({
      ...{ state: 'frozen', reason: 'chargeback 81', until: inTime(DAY_S), holds: [] },
    })
  })

  it('may have more available than a balance can be', async () => {
    await credit('rich', '9223372036854775807')
    await emit('rich', { type: 'limit', limit: '9223372036854775807' })
    expect(await balance({ client_id: 'rich', min_version: 2 })).toBe(
      '{"balance":"9223372036854775807"} 18446744073709551614',
    )
  })
})

describe('the holds of an account', () => {
  const HOLDS = 120

  beforeAll(async () => {
    await credit('many', 1_000)
    // pairs that expire at the same time, the later ones first, with ids of all kinds
    for (let i = 0; i < HOLDS; i += 1) {
      const id = ['"', '\\', '~'.repeat(120), 'x'][i % 4] + String(i).padStart(3, '0')
      await hold('many', id, 1 + (i % 3), 10 * DAY_S - Math.floor(i / 2) * 60)
    }
  })

  type Page = {
    readonly holds: { readonly hold: string; readonly remaining: number; readonly expires_at: string }[]
    readonly cursor?: string
    readonly held: number
  }
  const pageOf = async (request: object): Promise<Page> =>
    json(await rig.ask('customer.holds', { client_id: 'many', ...request })) as Page

  const pages = async (limit: number): Promise<Page['holds']> => {
    const found: Page['holds'] = []
    for (let cursor: string | undefined, first = true; first || cursor !== undefined; first = false) {
      const page = await pageOf({ limit, ...(cursor === undefined ? {} : { cursor }) })
      expect(page.holds.length).toBeLessThanOrEqual(limit)
      found.push(...page.holds)
      cursor = page.cursor
    }
    return found
  }

  it('come in pages of any size, each once, the first one to expire first', async () => {
    const { version } = json(
      await rig.ask('customer.account', { client_id: 'many', consistency: 'strong' }),
    ) as {
      version: number
    }
    expect(version).toBe(1 + HOLDS)
    const all = await pages(1_000)
    expect([all.length, new Set(all.map(({ hold: id }) => id)).size]).toEqual([HOLDS, HOLDS])
    const keys = all.map(({ expires_at, hold: id }) => `${expires_at} ${id}`)
    expect(keys).toEqual(keys.toSorted())
    for (const limit of [1, 7, 50, 119, 120]) expect(await pages(limit)).toEqual(all)
    expect((await pageOf({})).held).toBe(all.reduce((sum, { remaining }) => sum + remaining, 0))
  })

  it('are cut in customer.account, whose cursor goes on in customer.holds', async () => {
    const account = json(await rig.ask('customer.account', { client_id: 'many' })) as Page
    const rest = await pageOf({ limit: 1_000, cursor: account.cursor })
    expect([account.holds.length, rest.cursor]).toEqual([50, undefined])
    expect([...account.holds, ...rest.holds]).toEqual(await pages(1_000))
  })

  it('go on after a hold that is not open any more', async () => {
    const first = await pageOf({ limit: 2 })
    const [, second] = first.holds
    await emit('many', { type: 'debit', hold: second?.hold, amount: 1 })
    await rig.ask('customer.account', { client_id: 'many', min_version: HOLDS + 2 })
    const next = await pageOf({ limit: 1, cursor: first.cursor })
    expect(next.holds).toEqual([(await pages(1_000))[1]])
  })

  it.each([
    ['another customer', { client_id: 'plain' }],
    ['another field', { client_id: 'many', as_of_seq: 1 }],
    ['no customer', {}],
    ['a limit of 0', { client_id: 'many', limit: 0 }],
    ['a cursor of one byte', { client_id: 'many', cursor: 'e' }],
  ])('refuse a cursor with %s', async (_, request) => {
    const { cursor } = await pageOf({ limit: 1 })
    const reply = await rig.ask('customer.holds', { cursor, ...request })
    expect(errorOf(reply)).toBe('400:INVALID_REQUEST')
  })
})

describe('customer.account refuses', () => {
  it.each([
    ['{}', 'client_id'],
    ['{"client_id":"a.b"}', 'client_id'],
    ['{"client_id":"a","client_id":"b"}', 'client_id'],
    ['{"client_id":"a","asset":1}', 'asset'],
    ['{"client_id":"a","as_of_seq":1,"min_version":1}', 'as_of_seq'],
    ['[]', 'client_id'],
    ['no json', 'not JSON'],
  ])('%s, and says that it is %s', async (body, named) => {
    const reply = await rig.ask('customer.account', body)
    expect([errorOf(reply), reply.string()]).toEqual(['400:INVALID_REQUEST', expect.stringContaining(named)])
  })
})

describe('the past of an account with rules', () => {
  /** Holds whose texts are longer than what a row of the journal keeps. */
  const LONG = 40

  it('is what was available at that time, from the journal and from the stream', async () => {
    const seqs = [await credit('past', 100), await emit('past', { type: 'limit', limit: 50 })]
    // two events that were late: when they were decided the hold was open, and when they were stored it was not
    const [at, expires_at] = [-50 * S, -20 * S].map(ms => new Date(Date.now() + ms).toISOString())
    seqs.push(await emit('past', { type: 'hold', transaction_id: 'past-1', amount: 30, at, expires_at }))
    seqs.push(await emit('past', { type: 'debit', amount: 10, hold: 'past-1', final: false, at }))
    const other = await credit('past-other', 1)
    for (let i = 0; i < LONG; i += 1) seqs.push(await hold('past', `past-long-${i}-${'x'.repeat(60)}`, 1))
    seqs.push(await emit('past', { type: 'debit', amount: 5 }), await credit('past', 1))
    const shown = async () => {
      const found: string[] = []
      for (const seq of seqs) found.push(await balance({ client_id: 'past', as_of_seq: seq }))
      return found
    }
    const by_stream = await shown()
    expect(by_stream.slice(0, 4)).toEqual([
      '{"balance":100}',
      '{"balance":100} 150',
      '{"balance":100} 120 30',
      '{"balance":90} 120 20',
    ])
    await rig.caughtUp()
    // a later event, so that no state of the past is that of the head
    await credit('past', 1)
    await rig.caughtUp()
    expect(await shown()).toEqual(by_stream)
    // the moment of a sequence is that of its event, whose ever it is
    expect(await balance({ client_id: 'past', as_of_seq: other })).toBe('{"balance":90} 140')
    const { at: stored } = await eventAt(other)
    expect(await balance({ client_id: 'past', as_of: stored })).toBe('{"balance":90} 140')
    expect(json(await rig.ask('customer.account', { client_id: 'past', as_of_seq: seqs[3] }))).toMatchObject({
      ...{ held: 20, available: 120, version: 4, holds: [{ hold: 'past-1', remaining: 20, expires_at }] },
    })
  })
})

describe('the statement of an account with rules', () => {
  it('says with each entry what is held and can be spent, and is read from the journal', async () => {
    const events = [
      { type: 'credit', amount: 100 },
      { type: 'limit', limit: 40 },
      { type: 'hold', transaction_id: 'shown-1', amount: 30, expires_at: inTime(DAY_S) },
      { type: 'debit', hold: 'shown-1', amount: 10, final: false },
      { type: 'state', state: 'no_debit', reason: 'a check', until: inTime(DAY_S) },
      { type: 'release', hold: 'shown-1' },
      { type: 'limit', limit: 0 },
    ]
    const seqs: number[] = []
    for (const event of events) seqs.push(await emit('shown', event))
    await rig.caughtUp()
    await rig.putRow({ ...(await rig.takeRow(seqs[0] ?? 0)), reference: 'as the journal has it' })
    const entries = async (limit: number): Promise<Record<string, unknown>[]> => {
      const found: Record<string, unknown>[] = []
      for (let cursor: string | undefined, first = true; first || cursor !== undefined; first = false) {
        const request = { client_id: 'shown', limit, ...(cursor === undefined ? {} : { cursor }) }
        const page = json(await rig.ask('customer.statement', request)) as {
          entries: Record<string, unknown>[]
          cursor?: string
        }
        found.push(...page.entries)
        cursor = page.cursor
      }
      return found
    }
    const shown = await entries(100)
    expect(shown.map(({ type, balance, held, available }) => [type, balance, held, available])).toEqual([
      ['limit', 90, undefined, undefined],
      ['release', 90, undefined, 130],
      ['state', 90, 20, 110],
      ['debit', 90, 20, 110],
      ['hold', 100, 30, 110],
      ['limit', 100, undefined, 140],
      ['credit', 100, undefined, undefined],
    ])
    expect(shown[2]).toMatchObject({ state: 'no_debit', reason: 'a check', until: inTime(DAY_S) })
    expect(shown[3]).toMatchObject({ hold: 'shown-1', final: false, amount: 10 })
    expect(shown.at(-1)?.reference).toBe('as the journal has it')
    for (const limit of [1, 2, 3, 6]) expect(await entries(limit)).toEqual(shown)
  })
})

describe('customer.summary', () => {
  const summary = async (): Promise<Readonly<Record<string, unknown>>> => {
    await rig.caughtUp()
    return json(await rig.ask('customer.summary', {})) as Record<string, unknown>
  }

  it('has what is held, and the number of restricted customers', async () => {
    const { held: before, restricted } = await summary()
    await credit('summed', 100)
    await hold('summed', 'summed-1', 30)
    await emit('summed', { type: 'state', state: 'frozen', reason: 'why' })
    expect(await summary()).toMatchObject({ held: Number(before) + 30, restricted: Number(restricted) + 1 })
    await emit('summed', { type: 'state', state: 'no_debit', reason: 'why' })
    await emit('summed', { type: 'release', hold: 'summed-1', amount: 10 })
    expect(await summary()).toMatchObject({ held: Number(before) + 20, restricted: Number(restricted) + 1 })
    await emit('summed', { type: 'state', state: 'active', reason: 'why' })
    expect(await summary()).toMatchObject({ held: Number(before) + 20, restricted })
  })
})
