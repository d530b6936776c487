import { UpdateCommand } from '@aws-sdk/lib-dynamodb'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { right } from '../../test/support/ledger.js'
import { errorOf } from '../service/testing/harness.js'
import { IDENTITY_ID, noteSumsDoubt, readIdentity } from '../tables/identity.js'
import { type Rig, startRig } from './testing/rig.js'

/** Few balances and many customers, so that most customers share a balance with others. */
const CUSTOMERS = 120
const BALANCES = [0, 5, 5, 5, 10, 10, 1_000, 7]

let rig: Rig
const balances = new Map<string, number>()

type Ranked = { readonly rank: number; readonly client_id: string; readonly balance: number }
type Listed = { readonly client_id: string; readonly balance: number; readonly version: number }

const pages = async <A>(subject: string, field: string, limit: number, more: object = {}): Promise<A[]> => {
  const all: A[] = []
  let cursor: string | undefined
  do {
    const reply = await rig.ask(subject, { limit, ...more, ...(cursor === undefined ? {} : { cursor }) })
    if (errorOf(reply) !== '') throw new Error(`${errorOf(reply)}: ${reply.string()}`)
    const page = reply.json<Record<string, A[]> & { cursor?: string }>()
    expect((page[field] ?? []).length).toBeLessThanOrEqual(limit)
    all.push(...(page[field] ?? []))
    cursor = page.cursor
  } while (cursor !== undefined)
  return all
}

beforeAll(async () => {
  rig = await startRig()
  for (let i = 0; i < CUSTOMERS; i += 1) {
    const id = `c${(i * 7_919) % 1_000}`
    const balance = BALANCES[i % BALANCES.length] ?? 0
    await rig.emit(id, { type: 'credit', amount: balance + 1 })
    await rig.emit(id, { type: 'debit', amount: 1 })
    balances.set(id, balance)
  }
  await rig.emit('c0', { type: 'declined', amount: 9 })
  rig.project()
  await rig.caughtUp()
})

afterAll(() => rig.stop())

describe('customer.ranking', () => {
  it('has the highest balances first, ties by id, whatever the size of the pages', async () => {
    const wanted = [...balances]
      .sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
      .map(([client_id, balance], i) => ({ rank: i + 1, client_id, balance }))
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 150 }), async limit => {
        expect(await pages<Ranked>('customer.ranking', 'ranking', limit)).toEqual(wanted)
      }),
      { numRuns: 4, examples: [[1], [119], [120]] },
    )
  })

  it('gives ten unless told otherwise, and takes an empty body', async () => {
    expect((await rig.ask('customer.ranking', '')).json<{ ranking: unknown[] }>().ranking).toHaveLength(10)
  })
})

describe('customer.list', () => {
  it('has every customer once, by id, whatever the size of the pages', async () => {
    const wanted = [...balances]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([client_id, balance]) => ({ client_id, balance, version: 2 }))
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 150 }), async limit => {
        expect(await pages<Listed>('customer.list', 'customers', limit)).toEqual(wanted)
      }),
      { numRuns: 4, examples: [[1], [119], [120]] },
    )
  })

  it('has those whose ids begin with a prefix, whatever the size of the pages', async () => {
    const ids = [...balances.keys()].sort()
    for (const prefix of ['c', 'c1', 'c12', 'c999', 'd', 'c1-', ids.at(-1)]) {
      const wanted = ids.filter(id => id.startsWith(prefix ?? ''))
      for (const limit of [7, 1_000]) {
        const found = await pages<Listed>('customer.list', 'customers', limit, { prefix })
        expect([prefix, found.map(({ client_id }) => client_id)]).toEqual([prefix, wanted])
      }
    }
  })

  it('refuses a prefix that begins no id, and the cursor of another prefix', async () => {
    for (const prefix of ['', '*', 'c*', '-', 'a b', 'a'.repeat(65), 1, null])
      expect(errorOf(await rig.ask('customer.list', { prefix }))).toBe('400:INVALID_REQUEST')
    const { cursor } = (await rig.ask('customer.list', { prefix: 'c', limit: 1 })).json<{ cursor: string }>()
    for (const prefix of ['c1', undefined])
      expect(errorOf(await rig.ask('customer.list', { prefix, cursor }))).toBe('400:INVALID_REQUEST')
  })

  it.each(['customer.list', 'customer.ranking'])('%s refuses what is no cursor of it', async subject => {
    for (const fields of [{ limit: 0 }, { limit: 1_001 }, { cursor: 'x' }, { cursor: 'e30' }]) {
      expect(errorOf(await rig.ask(subject, fields))).toBe('400:INVALID_REQUEST')
    }
  })
})

describe('customer.summary', () => {
  const today = () => new Date().toISOString().slice(0, 10)

  it('sums everything, and each day', async () => {
    const day = today()
    const credited = [...balances.values()].reduce((sum, balance) => sum + balance + 1, 0)
    const moved = {
      credits: { count: CUSTOMERS, amount: credited },
      debits: { count: CUSTOMERS, amount: CUSTOMERS },
      declined: 1,
    }
    const reply = await rig.ask('customer.summary', { from: day, to: day })
    expect(reply.json()).toEqual({
      customers: CUSTOMERS,
      balance: credited - CUSTOMERS,
      ...moved,
      days: [{ day, ...moved }],
    })
  })

  it('gives 31 days up to today unless told otherwise', async () => {
    const { days } = (await rig.ask('customer.summary', {})).json<{ days: { day: string }[] }>()
    expect([days.length, days.at(-1)?.day]).toEqual([31, today()])
  })

  it.each([
    { from: '2026-02-30' },
    { from: '2026-01-02', to: '2026-01-01' },
    { from: '2026-01-01', to: '2026-02-01' },
  ])('answers %j with 400', async fields => {
    expect(errorOf(await rig.ask('customer.summary', fields))).toBe('400:INVALID_REQUEST')
  })

  it('answers 503 while the sums are in doubt, and says why; the lists go on', async () => {
    const { tables, first_table } = rig
    const { epoch = '' } = (await right(readIdentity(tables, first_table))) ?? {}
    await right(noteSumsDoubt(tables, first_table, epoch, 'the item of c1 was changed'))
    const doubted = await rig.ask('customer.summary', {})
    expect([errorOf(doubted), doubted.string()]).toEqual([
      '503:UNAVAILABLE',
      expect.stringMatching(/the item of c1 was changed.*jetledger replay/),
    ])
    for (const subject of ['customer.list', 'customer.ranking'])
      expect(errorOf(await rig.ask(subject, {}))).toBe('')
    const Key = { id: IDENTITY_ID }
    await tables.send(
      new UpdateCommand({ TableName: first_table, Key, UpdateExpression: 'REMOVE sums_doubt' }),
    )
    expect((await rig.ask('customer.summary', {})).json()).toMatchObject({ customers: CUSTOMERS })
  })

  it('answers 503 while DynamoDB is away, as the others do', async () => {
    await rig.dynamodb.kill()
    for (const subject of ['customer.summary', 'customer.list', 'customer.ranking']) {
      expect(errorOf(await rig.ask(subject, {}))).toBe('503:UNAVAILABLE')
    }
    await rig.dynamodb.start()
  })
})
