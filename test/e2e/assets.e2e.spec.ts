/**
 * Assets over every door of the built program: an account of an asset does what any other one does, asset and default asset never
 * mix, and what is not declared is refused.
 */

import type { NatsConnection } from 'nats'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Dev, openWorkbench, type Workbench } from '../support/program.js'
import { until } from '../support/servers.js'

type Answer = Readonly<Record<string, unknown>>

const WAIT = { deadline_ms: 30_000 }

let bench: Workbench
let dev: Dev
let nc: NatsConnection
let origin: string

beforeAll(async () => {
  bench = openWorkbench()
  dev = await bench.dev('--no-seed')
  nc = await bench.connect(dev.nats_url)
  origin = new URL(dev.health_url).origin
})
afterAll(() => bench.end())

const ask = async (name: string, body: object): Promise<Answer> =>
  (await nc.request(`customer.${name}`, JSON.stringify(body), { timeout: 10_000 })).json<Answer>()

const said = async (...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await bench.run(args)
  if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}: ${stderr}`)
  return stdout
}

/** Asks until the answer is as wanted: a projection may be a moment behind. */
const untilAnswer = (name: string, body: object, isRight: (answer: Answer) => boolean): Promise<Answer> =>
  until(
    async () => {
      const answer = await ask(name, body)
      return isRight(answer) ? answer : undefined
    },
    { ...WAIT, what: `${name} ${JSON.stringify(body)}` },
  )

/** An answer without its asset, and without what differs between any two accounts. */
const bare = (answer: unknown): unknown =>
  JSON.parse(
    JSON.stringify(answer, (name, value: unknown) => {
      if (['asset', 'seq', 'at', 'expires_at', 'judged_at', 'until', 'version'].includes(name))
        return undefined
      // what became of a hold is told as far as the table has it (ended-hold.int.spec.ts)
      if (['hold_was', 'ended_by', 'ended_at'].includes(name)) return undefined
      return typeof value === 'string' ? value.replace(/^eur-/, '') : value
    }),
  )

/** Every command, and every refusal that one of them can meet; `#` stands before ids. */
const STORY: readonly (readonly [name: string, body: Answer])[] = [
  ['credit', { client_id: 'ann', amount: 100, transaction_id: '#1', reference: 'a gift' }],
  ['debit', { client_id: 'ann', amount: 7, transaction_id: '#2', metadata: { shop: 4 } }],
  ['debit', { client_id: 'ann', amount: 7, transaction_id: '#2', metadata: { shop: 4 } }],
  ['debit', { client_id: 'ann', amount: 8, transaction_id: '#2' }],
  ['debit', { client_id: 'ann', amount: 7_000, transaction_id: '#3' }],
  ['debit', { client_id: 'ann', amount: 7_000, transaction_id: '#3' }],
  ['transfer', { from: 'ann', to: 'bob', amount: 30, transaction_id: '#4' }],
  ['transfer', { from: 'ann', to: 'bob', amount: 30, transaction_id: '#4' }],
  ['transfer', { from: 'bob', to: 'ann', amount: 31, transaction_id: '#5' }],
  ['transfer', { from: 'ann', to: 'ann', amount: 1, transaction_id: '#6' }],
  ['hold', { client_id: 'ann', amount: 20, transaction_id: '#7', expires_in: 600 }],
  ['hold', { client_id: 'ann', amount: 2_000, transaction_id: '#8' }],
  ['capture', { client_id: 'ann', hold: '#7', amount: 5, final: false, to: 'bob', transaction_id: '#9' }],
  ['capture', { client_id: 'ann', hold: '#7', amount: 50, transaction_id: '#10' }],
  ['release', { client_id: 'ann', hold: '#7', amount: 1, transaction_id: '#11' }],
  ['capture', { client_id: 'ann', hold: '#7', transaction_id: '#12' }],
  ['capture', { client_id: 'ann', hold: '#7', transaction_id: '#13' }],
  ['limit', { client_id: 'ann', limit: 40, transaction_id: '#14' }],
  ['debit', { client_id: 'ann', amount: 80, transaction_id: '#15' }],
  ['reverse', { transaction_id: '#4', amount: 4, reversal_id: '#16' }],
  ['reverse', { transaction_id: '#4', amount: 27, reversal_id: '#17' }],
  ['reverse', { transaction_id: '#9', reversal_id: '#18' }],
  ['restrict', { client_id: 'bob', state: 'frozen', reason: 'a chargeback', transaction_id: '#19' }],
  ['transfer', { from: 'ann', to: 'bob', amount: 1, transaction_id: '#20' }],
  ['credit', { client_id: 'ann', amount: 9, transaction_id: '#21', dry_run: true }],
  ['transaction', { transaction_id: '#4' }],
  ['transaction', { transaction_id: '#3' }],
  ['explain', { transaction_id: '#4' }],
  ['explain', { transaction_id: '#3' }],
  ['explain', { transaction_id: '#12' }],
  ['account', { client_id: 'ann' }],
  ['holds', { client_id: 'ann' }],
]

const WITHOUT_ASSET: readonly string[] = ['reverse', 'transaction', 'explain']

/** A request of the story, in an asset; undefined is the default one. */
const inAsset = ([name, body]: (typeof STORY)[number], asset: string | undefined): Answer => {
  const ids = JSON.parse(
    JSON.stringify(body).replaceAll('#', asset === undefined ? 'id-' : 'eur-id-'),
  ) as Answer
  return asset === undefined || WITHOUT_ASSET.includes(name) ? ids : { ...ids, asset }
}

describe('an asset', () => {
  it('has to be declared; then commands take it', async () => {
    const credit = { client_id: 'kim', asset: 'EUR', amount: 5, transaction_id: 'early' }
    const refused = { code: 'UNKNOWN_ASSET', asset: 'EUR', transaction_id: 'early' }
    expect(await ask('credit', credit)).toMatchObject({ error: refused })
    expect(await ask('batch', { mode: 'all', commands: [{ type: 'credit', ...credit }] })).toMatchObject({
      error: { code: 'UNKNOWN_ASSET', index: 0, asset: 'EUR' },
    })
    expect(await ask('event.kim/EUR', { type: 'credit', amount: 5 })).toMatchObject({
      error: { description: expect.stringContaining('UNKNOWN_ASSET') },
    })
    expect(await said('assets', 'list')).toContain('no assets are declared')
    await said('assets', 'add', 'EUR', '--scale', '2', '--name', 'Euro')
    await said('assets', 'add', 'USD', '--scale', '2')
    expect(await said('assets', 'list')).toMatch(/^EUR +2 +Euro\nUSD +2 +USD$/m)
    expect((await bench.run(['assets', 'add', 'EUR', '--scale', '3'])).code).toBe(1)
    await untilAnswer('credit', credit, ({ balance }) => balance === 5)
    expect(await ask('credit', { ...credit, asset: 'GBP', transaction_id: 'x' })).toMatchObject({
      error: { code: 'UNKNOWN_ASSET' },
    })
    expect(await ask('credit', { ...credit, asset: 'eur' })).toMatchObject({
      error: { code: 'INVALID_REQUEST' },
    })
    expect(await ask('credit', { ...credit, client_id: 'kim/EUR' })).toMatchObject({
      error: { code: 'INVALID_REQUEST' },
    })
  })

  it('is kept in accounts that do what any account does', async () => {
    for (const step of STORY) {
      const [plain, euro] = [
        await ask(step[0], inAsset(step, undefined)),
        await ask(step[0], inAsset(step, 'EUR')),
      ]
      expect(bare(euro), JSON.stringify(step)).toEqual(bare(plain))
      const accounts = JSON.stringify(euro).match(/"client_id":"(ann|bob)"/g) ?? []
      const named = JSON.stringify(euro).match(/"client_id":"(ann|bob)","asset":"EUR"/g) ?? []
      expect(named.length, JSON.stringify(euro)).toBe(accounts.length)
      const { others: _, ...own } = plain
      expect(JSON.stringify(own)).not.toContain('EUR')
    }
  })

  it('does not share a transaction id with another one', async () => {
    const credit = { client_id: 'ann', amount: 100, transaction_id: 'id-1', reference: 'a gift' }
    expect(await ask('credit', { ...credit, asset: 'EUR' })).toMatchObject({
      error: { code: 'TRANSACTION_ID_REUSED', field: 'client_id' },
    })
  })

  it('is read by every question', async () => {
    const of_ann = { client_id: 'ann', asset: 'EUR' }
    const { balance, version, seq } = await ask('account', { ...of_ann, consistency: 'strong' })
    expect(await untilAnswer('balance', of_ann, answer => answer.balance === balance)).toEqual({ balance })
    expect(await ask('balance', { ...of_ann, min_version: version })).toEqual({ balance })
    expect(await ask('balance', { ...of_ann, as_of_seq: seq })).toEqual({ balance })
    expect(await ask('account', { client_id: 'kim' })).toMatchObject({
      balance: 0,
      others: [{ asset: 'EUR', balance: 5, version: 1 }],
    })
    const both = await untilAnswer('statement', of_ann, ({ entries }) => {
      return Array.isArray(entries) && entries[0]?.seq === seq
    })
    expect(both).toMatchObject({ client_id: 'ann', asset: 'EUR' })
    expect(bare(both.entries)).toEqual(bare((await ask('statement', { client_id: 'ann' })).entries))
    const [list, ranking, summary] = [
      await untilAnswer('list', { asset: 'EUR' }, ({ customers }) => (customers as unknown[])?.length === 3),
      await ask('ranking', { asset: 'EUR' }),
      await untilAnswer('summary', { asset: 'EUR' }, answer => answer.customers === 3),
    ]
    expect(list).toMatchObject({
      asset: 'EUR',
      customers: [{ client_id: 'ann' }, { client_id: 'bob' }, { client_id: 'kim' }],
    })
    expect((ranking.ranking as Answer[]).map(({ rank }) => rank)).toEqual([1, 2, 3])
    const plain = await ask('summary', {})
    expect(plain.customers).toBe(2)
    expect(Number(summary.balance)).toBe(Number(plain.balance) + 5)
    const first = await ask('list', { asset: 'EUR', limit: 2 })
    expect(await ask('list', { asset: 'EUR', limit: 2, cursor: first.cursor })).toMatchObject({
      customers: [{ client_id: 'kim' }],
    })
    expect(await ask('list', { limit: 2, cursor: first.cursor })).toMatchObject({
      error: { code: 'INVALID_REQUEST' },
    })
    const { events } = await ask('events', { ...of_ann, after_seq: 0 })
    expect((events as Answer[]).every(event => event.asset === 'EUR' && event.client_id === 'ann')).toBe(true)
  })
})

describe('events of an asset', () => {
  it('count when they are of schema 2, whatever is declared', async () => {
    const js = nc
    js.publish('customer.balance.eve/EUR', '{"schema":2,"type":"credit","amount":50}')
    js.publish('customer.balance.eve/GOLD', '{"schema":2,"type":"credit","amount":3}')
    js.publish('customer.balance.eve/EUR', '{"type":"credit","amount":9000}')
    js.publish('customer.balance.eve/eur', '{"schema":2,"type":"credit","amount":9000}')
    js.publish('customer.balance.eve/EUR', '{"schema":2,"type":"debit","amount":51}')
    await nc.flush()
    await untilAnswer('balance', { client_id: 'eve', asset: 'EUR' }, ({ balance }) => balance === 50)
    await untilAnswer('balance', { client_id: 'eve', asset: 'GOLD' }, ({ balance }) => balance === 3)
    expect(await ask('balance', { client_id: 'eve' })).toEqual({ balance: 0 })
    const letters = await until(
      async () => {
        const found = JSON.parse(await said('dead-letters', 'list', '--json')) as Answer[]
        return found.length === 3 ? found : undefined
      },
      { ...WAIT, what: 'the dead letters' },
    )
    expect(letters.map(({ subject, reason }) => `${subject} ${reason}`)).toEqual([
      'customer.balance.eve/EUR MALFORMED',
      'customer.balance.eve/eur MALFORMED',
      'customer.balance.eve/EUR INSUFFICIENT_FUNDS',
    ])
    const of_account = JSON.parse(
      await said('dead-letters', 'list', '--json', '--client-id', 'eve/EUR'),
    ) as Answer[]
    expect(of_account).toHaveLength(2)
    await ask('credit', { client_id: 'eve', asset: 'EUR', amount: 1, transaction_id: 'eve-1' })
    expect(await said('dead-letters', 'retry', String(letters[2]?.seq), '--reason', 'paid')).toContain(
      'stored at',
    )
    await untilAnswer('balance', { client_id: 'eve', asset: 'EUR' }, ({ balance }) => balance === 0)
  })

  it('are published by the service for users who may not', async () => {
    const asked = await ask('event.eve/USD', { type: 'credit', amount: 4, transaction_id: 'eve-2' })
    expect(asked).toMatchObject({ stream: 'customer-balances' })
    await untilAnswer('balance', { client_id: 'eve', asset: 'USD' }, ({ balance }) => balance === 4)
  })

  it('say by themselves that a hold has expired', async () => {
    await ask('credit', { client_id: 'hal', asset: 'EUR', amount: 9, transaction_id: 'hal-1' })
    await ask('hold', { client_id: 'hal', asset: 'EUR', amount: 9, transaction_id: 'hal-2', expires_in: 1 })
    const { entries } = await untilAnswer('statement', { client_id: 'hal', asset: 'EUR' }, answer => {
      return (answer.entries as Answer[])?.[0]?.expired === true
    })
    expect(entries).toMatchObject([{ type: 'release', hold: 'hal-2' }, { type: 'hold' }, { type: 'credit' }])
  })
})

describe('an exchange', () => {
  it('is two transfers in one batch, both or none', async () => {
    await ask('credit', { client_id: 'dealer', asset: 'USD', amount: 100, transaction_id: 'dealer-1' })
    await ask('credit', { client_id: 'zoe', asset: 'EUR', amount: 100, transaction_id: 'zoe-1' })
    const exchange = (id: string, give: number, get: number) =>
      ask('batch', {
        mode: 'all',
        commands: [
          {
            type: 'transfer',
            from: 'zoe',
            to: 'dealer',
            asset: 'EUR',
            amount: give,
            transaction_id: `${id}:a`,
          },
          {
            type: 'transfer',
            from: 'dealer',
            to: 'zoe',
            asset: 'USD',
            amount: get,
            transaction_id: `${id}:b`,
          },
        ],
      })
    expect(await exchange('x-1', 50, 60)).toMatchObject({ results: [{}, {}] })
    expect(await exchange('x-2', 50, 60)).toMatchObject({ error: { code: 'INSUFFICIENT_FUNDS', index: 1 } })
    const { others } = await ask('account', { client_id: 'zoe', consistency: 'strong' })
    expect(others).toMatchObject([
      { asset: 'EUR', balance: 50 },
      { asset: 'USD', balance: 60 },
    ])
  })
})

describe('over HTTP and on the command line', () => {
  const http = async (method: string, path: string, body?: object): Promise<Answer> => {
    const answer = await fetch(origin + path, {
      method,
      headers: {
        'content-type': 'application/json',
        'idempotency-key': `http-${path}-${JSON.stringify(body)}`,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    return { status: answer.status, ...((await answer.json()) as Answer) }
  }

  it('an asset is a parameter of a question, and a field of a command', async () => {
    const credited = await http('POST', '/v1/customers/ivy/credits', { asset: 'EUR', amount: 40 })
    expect(credited).toMatchObject({ status: 201, client_id: 'ivy', asset: 'EUR', balance: 40 })
    expect(await http('POST', '/v1/customers/ivy/holds', { asset: 'EUR', amount: 10 })).toMatchObject({
      available: 30,
    })
    expect(await http('POST', '/v1/customers/ivy/credits', { asset: 'GBP', amount: 1 })).toMatchObject({
      status: 422,
      code: 'UNKNOWN_ASSET',
      asset: 'GBP',
    })
    await until(async () => (await http('GET', '/v1/customers/ivy/balance?asset=EUR')).held === 10, {
      ...WAIT,
      what: 'the hold',
    })
    expect(await http('GET', '/v1/customers/ivy/balance?asset=EUR')).toMatchObject({
      asset: 'EUR',
      balance: 40,
    })
    expect(await http('GET', '/v1/customers/ivy/balance')).toEqual({
      status: 200,
      ...{ client_id: 'ivy', balance: 0, version: 0, seq: 0 },
    })
    expect(await http('GET', '/v1/customers/ivy/account?asset=EUR')).toMatchObject({ asset: 'EUR', held: 10 })
    expect(await http('GET', '/v1/summary?asset=EUR')).toMatchObject({ asset: 'EUR' })
    const listed = async (): Promise<boolean> => {
      const { customers } = await http('GET', '/v1/customers?asset=EUR&prefix=iv')
      return (customers as Answer[]).some(({ client_id }) => client_id === 'ivy')
    }
    await until(listed, { ...WAIT, what: 'ivy in the list' })
    expect(await http('GET', '/v1/customers/ivy/balance?asset=eur')).toMatchObject({ status: 400 })
  })

  it('an account is a customer and an asset after a slash', async () => {
    expect(await said('credit', 'jo/EUR', '25')).toContain('"client_id":"jo","asset":"EUR","balance":25')
    expect(await said('transfer', 'jo/EUR', 'ivy/EUR', '5')).toContain(
      '"client_id":"jo","asset":"EUR","balance":20',
    )
    expect((await bench.run(['transfer', 'jo/EUR', 'ivy', '5'])).code).toBe(2)
    expect(await said('hold', 'jo/EUR', '2', '--transaction-id', 'jo-hold')).toContain('"held":2')
    expect(await said('holds', 'jo/EUR')).toMatch(/^jo-hold +2 /m)
    expect(await said('account', 'jo')).toMatch(/^also +EUR: 20, available 18, held 2$/m)
    expect(await said('publish', 'jo/EUR', 'credit', '1')).toContain('stored at sequence')
    expect(await said('events', '--client-id', 'jo/EUR')).toMatch(/ {2}jo\/EUR {2}credit/)
    expect(await said('export', 'balances', '--format', 'csv')).toMatch(/^jo,EUR,21,4,\d+,current\r?$/m)
    expect(await said('export', 'statement', 'jo/EUR')).toMatch(/"balance":21,"version":4/)
  })
})

it('a customer waits in one asset at a time, and goes on when somebody decides', async () => {
  nc.publish('customer.balance.kim/EUR', '{"schema":3,"type":"gift","amount":1}')
  await nc.flush()
  await until(async () => (await said('parked', 'list')).includes('kim/EUR'), {
    ...WAIT,
    what: 'kim to wait',
  })
  const credit = { client_id: 'kim', amount: 1 }
  expect(await ask('credit', { ...credit, asset: 'EUR' })).toMatchObject({ error: { code: 'UNAVAILABLE' } })
  expect(await ask('credit', { ...credit, asset: 'USD' })).toMatchObject({ balance: 1 })
  const [waiting] = JSON.parse(await said('parked', 'list', '--json')) as Answer[]
  expect(waiting).toMatchObject({ client_id: 'kim', asset: 'EUR' })
  await said('parked', 'skip', String(waiting?.seq), '--reason', 'a test')
  await untilAnswer(
    'credit',
    { ...credit, asset: 'EUR', transaction_id: 'kim-2' },
    ({ balance }) => balance === 6,
  )
})

it('the table is rebuilt to the same, and agrees with the stream', async () => {
  const look = () => Promise.all([ask('list', { asset: 'EUR' }), ask('summary', { asset: 'EUR' })])
  await until(async () => (await bench.run(['verify'])).code === 0, { ...WAIT, what: 'a table that agrees' })
  const before = await look()
  await said('replay', 'ledger')
  expect(await look()).toEqual(before)
  const verified = await bench.run(['verify'])
  expect(verified.stdout).toMatch(/^ledger +.*\.g2: agrees$/m)
  expect(verified.code).toBe(0)
  expect((await bench.run(['verify', '--customer', 'jo/EUR'])).code).toBe(0)
})
