// has servers of its own: whole tables are taken away, emptied and exchanged
/** The projection notices that its table is not the one that it filled; its data is not used, and the table is healed. */

import { CreateTableCommand, DeleteTableCommand, DescribeTableCommand } from '@aws-sdk/client-dynamodb'
import { DeleteCommand, PutCommand, ScanCommand } from '@aws-sdk/lib-dynamodb'
import type { Msg } from 'nats'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { listDeadLetters } from '../src/dead-letters/letters.js'
import { createHealth } from '../src/health.js'
import { PROJECTIONS } from '../src/projections/definitions/ledger.js'
import { replay } from '../src/projections/rebuild/rebuild.js'
import { openBucket } from '../src/stream/provision.js'
import { LEDGER_STREAM } from '../src/stream/settings.js'
import { TABLES, tableName } from '../src/tables/definition.js'
import { createTable, dropTable } from '../src/tables/provision.js'
import { verify } from '../src/verify/verify.js'
import { startWorld, TABLE, type TestInstance, type World } from './support/instance.js'
import { right } from './support/ledger.js'
import { until } from './support/servers.js'
import { expectVerified } from './support/verified.js'

let world: World
let instance: TestInstance | undefined

beforeEach(async () => {
  world = await startWorld()
})
afterEach(async () => {
  await world.stop()
})

const LEDGER_TABLE = tableName(TABLE, 'ledger', 1)

type Item = Record<string, unknown>

const allItems = async (): Promise<Item[]> => {
  const { Items = [] } = await world.tables.send(
    new ScanCommand({ TableName: LEDGER_TABLE, ConsistentRead: true }),
  )
  return Items
}

const put = (item: Item): Promise<unknown> =>
  world.tables.send(new PutCommand({ TableName: LEDGER_TABLE, Item: item }))

const remove = (id: unknown): Promise<unknown> =>
  world.tables.send(new DeleteCommand({ TableName: LEDGER_TABLE, Key: { id } }))

const dropped = (): Promise<void> => right(dropTable(world.tables, LEDGER_TABLE))

const emptied = async (): Promise<void> => {
  for (const { id } of await allItems()) await remove(id)
}

const restored = async (items: readonly Item[]): Promise<void> => {
  for (const item of items) await put(item)
}

const remade = async (): Promise<void> => {
  await dropped()
  await right(createTable(world.tables, LEDGER_TABLE, TABLES.ledger))
}

const CUSTOMERS = 12

/** Every customer gets 100, then pays 60: over a balance of 0 the second would be an overdraft. */
const round = async (amount: number): Promise<void> => {
  for (let i = 0; i < CUSTOMERS; i += 1) {
    const command = amount > 0 ? 'customer.credit' : 'customer.debit'
    const reply = await world.ask(command, { client_id: `c${i}`, amount: Math.abs(amount) })
    expect([errorOf(reply), reply.string()]).toEqual(['', expect.any(String)])
  }
}

const errorOf = ({ headers }: Msg): string => headers?.get('Nats-Service-Error') ?? ''

const CURRENT: readonly [subject: string, field: string][] = [
  ['customer.list', 'customers'],
  ['customer.ranking', 'ranking'],
]

/** Expects lists and sums to show current or earlier balances, because they follow a moment later, or to be unavailable. */
const expectListed = async (balances: readonly number[]): Promise<void> => {
  for (const [subject, field] of CURRENT) {
    const reply = await world.ask(subject, { limit: 100 })
    expect(['', 'UNAVAILABLE']).toContain(errorOf(reply))
    if (errorOf(reply) !== '') continue
    const listed = (reply.json() as Record<string, { client_id: string; balance: number }[]>)[field] ?? []
    // a customer whose balance changes while a ranking is read may appear twice, with the old and the new balance
    expect(new Set(listed.map(({ client_id }) => client_id)).size).toBe(CUSTOMERS)
    for (const { balance } of listed) expect(balances).toContain(balance)
  }
  const summary = await world.ask('customer.summary', {})
  expect(['', 'UNAVAILABLE']).toContain(errorOf(summary))
  if (errorOf(summary) !== '') return
  const { customers, balance } = summary.json() as { customers: number; balance: number }
  expect(customers).toBe(CUSTOMERS)
  expect(balance).toBeLessThanOrEqual(CUSTOMERS * Math.max(...balances))
  expect(balance).toBeGreaterThanOrEqual(CUSTOMERS * Math.min(...balances))
}

/** Expects right answers, which are given during the healing and afterwards. */
const expectRight = async (balance: number, before = balance): Promise<void> => {
  for (let i = 0; i < CUSTOMERS; i += 1) {
    const reply = await world.ask('customer.balance', { client_id: `c${i}` })
    expect([`c${i}`, errorOf(reply), reply.string()]).toEqual([`c${i}`, '', JSON.stringify({ balance })])
  }
  await expectListed([balance, before])
  const statement = await world.ask('customer.statement', { client_id: 'c1' })
  expect(errorOf(statement)).toBe('')
  expect((statement.json() as { entries: { balance: number }[] }).entries[0]?.balance).toBe(balance)
}

/** Waits for readiness. On failure the error names the parts that are down. */
const ready = (): Promise<true> =>
  until(
    async () => {
      const parts = Object.entries((await instance?.readiness()) ?? {})
      const down = parts.filter(([, { state }]) => state === 'down')
      if (down.length > 0) throw new Error(JSON.stringify(down))
      return true
    },
    { deadline_ms: 30_000, what: 'readiness' },
  )

const expectHealed = async (balance: number): Promise<void> => {
  await ready()
  await expectVerified({ nc: world.nc, jsm: world.jsm, tables: world.tables, base_table: TABLE })
  await expectRight(balance)
  expect(await right(listDeadLetters(world.nc, { limit: 10 }))).toEqual([])
  await until(() => instance?.ledger.health.read().state === 'ok', {
    deadline_ms: 30_000,
    what: 'health to be ok',
  })
}

const HARM: readonly [string, (copy: readonly Item[]) => Promise<void>][] = [
  ['deleted', dropped],
  ['made anew', remade],
  ['emptied', emptied],
  ['set back to an older state', restored],
  [
    'made anew with an older state',
    async copy => {
      await remade()
      await restored(copy)
    },
  ],
]

/** Starts a ledger of 12 customers with 100 each, and returns a copy of its table from before each customer paid 60. */
const begin = async (): Promise<readonly Item[]> => {
  instance = await world.start()
  await round(100)
  await expectVerified({ nc: world.nc, jsm: world.jsm, tables: world.tables, base_table: TABLE })
  const copy = await allItems()
  await round(-60)
  await expectVerified({ nc: world.nc, jsm: world.jsm, tables: world.tables, base_table: TABLE })
  return copy
}

describe('a table that is not the one that the projection filled is never believed, and is filled anew', () => {
  it.each(HARM)('when it is %s while the ledger runs', async (_what, harm) => {
    await harm(await begin())
    await expectRight(40)
    await round(-20)
    await expectRight(20, 40)
    await expectHealed(20)
  })

  it.each(HARM)('when it is %s while the ledger is stopped', async (_what, harm) => {
    const copy = await begin()
    await instance?.stop()
    await harm(copy)
    instance = await world.start()
    await expectRight(40)
    await round(-20)
    await expectHealed(20)
  })

  it('when it is emptied, and events come before it is noticed', async () => {
    await begin()
    await emptied()
    await round(-40)
    await expectRight(0, 40)
    await expectHealed(0)
  })
})

it('the table is left as it is beside another stream, until a person has said which is right', async () => {
  await begin()
  const before = await allItems()
  const { config } = await world.jsm.streams.info(LEDGER_STREAM)
  await world.jsm.streams.delete(LEDGER_STREAM)
  await world.jsm.streams.add(config)
  await world.ask('customer.balance.stranger', { type: 'credit', amount: 1 })
  // the process looks at the stream, too: when it is the first to see it, the projection does nothing more, and says nothing new
  const saysSo = (part: string): boolean | undefined =>
    instance?.ledger.health.read().parts[part]?.detail.includes('is another one')
  await until(() => saysSo('projection ledger') || saysSo('ledger'), {
    deadline_ms: 30_000,
    what: 'the projection, or the process, to say that the stream is another one',
  })
  expect(await allItems()).toEqual(before)
})

it('a table with other keys or without an index is named with what is wrong, and nothing is answered from it', async () => {
  await begin()
  await instance?.stop()
  await dropped()
  await world.tables.send(
    new CreateTableCommand({
      TableName: LEDGER_TABLE,
      AttributeDefinitions: [{ AttributeName: 'key', AttributeType: 'S' }],
      KeySchema: [{ AttributeName: 'key', KeyType: 'HASH' }],
      BillingMode: 'PAY_PER_REQUEST',
    }),
  )
  instance = await world.start()
  await expectRight(40)
  await until(
    async () =>
      (await instance?.readiness())?.['projection ledger']?.detail.includes('its key is key (S, HASH)'),
    { deadline_ms: 30_000, what: 'readiness to name the key' },
  )
  expect(instance.ledger.health.read().parts['projection ledger']).toMatchObject({
    state: 'down',
    detail: expect.stringContaining(`the table ${LEDGER_TABLE} cannot be used`),
  })
  await world.tables.send(new DeleteTableCommand({ TableName: LEDGER_TABLE }))
  await expectHealed(40)
  const { Table } = await world.tables.send(new DescribeTableCommand({ TableName: LEDGER_TABLE }))
  expect(Table?.KeySchema).toEqual([{ AttributeName: 'id', KeyType: 'HASH' }])
})

describe('an item that was put back from a copy, deleted or changed by hand', () => {
  /** Publishes an event directly: it does not claim the state after it, so only the stream shows which events are missing. */
  const publish = async (client_id: string, type: string, amount: number): Promise<void> => {
    const reply = await world.ask(`customer.balance.${client_id}`, { type, amount })
    expect(reply.json()).toHaveProperty('seq')
  }

  const deps = () => ({ nc: world.nc, jsm: world.jsm, tables: world.tables, base_table: TABLE })

  /** Puts back, removes and changes heads and rows of c1 to c4, which nobody notices before they are touched. */
  const meddle = async (copy: readonly Item[]): Promise<void> => {
    const copyOf = (client_id: string): Item => {
      const item = copy.find(({ id }) => id === client_id)
      if (item === undefined) throw new Error(`there is no copy of ${client_id}`)
      return item
    }
    await put(copyOf('c1'))
    await put(copyOf('c2'))
    const of_c3 = copy.filter(({ id, client_id }) => id === 'c3' || client_id === 'c3')
    expect(of_c3).toHaveLength(2)
    for (const { id } of of_c3) await remove(id)
    await put({ ...copyOf('c4'), client_balance: 9_999n })
  }

  it('is folded again when its customer is next touched, and only the sums are in doubt, until a replay', async () => {
    await meddle(await begin())
    await publish('c1', 'debit', 40)
    for (const id of ['c2', 'c3', 'c4']) await world.ask('customer.debit', { client_id: id, amount: 40 })
    const options = { totals: true, timeout_ms: 20_000, differences_max: 20 }
    const { signal } = new AbortController()
    const report = await verify(deps(), options, () => undefined, signal)
    expect(report).toMatchObject({ differences: [], sums_compared: true })
    expect(report.sums_doubt).toMatch(/the item of c[1-4] was not what the stream says/)
    for (const id of ['c1', 'c2', 'c3', 'c4'])
      expect((await world.ask('customer.balance', { client_id: id })).string()).toBe('{"balance":0}')
    expect(await right(listDeadLetters(world.nc, { limit: 10 }))).toEqual([])
    expect(instance?.ledger.health.read().parts['items of ledger']).toMatchObject({ state: 'degraded' })
    const doubted = await world.ask('customer.summary', {})
    expect(errorOf(doubted)).toBe('UNAVAILABLE')
    expect(doubted.string()).toContain('was not what the stream says')
    await expectListed([0, 40])

    await replay(
      {
        ...deps(),
        journal: 'every-event',
        kv: await right(openBucket(world.nc)),
        log: pino({ level: 'silent' }),
        health: createHealth(() => undefined),
      },
      PROJECTIONS.ledger,
      {
        keep: false,
        checkpoint_ms: 30_000,
        onProgress: () => undefined,
        signal,
      },
    )
    await expectVerified(deps())
    const summary = await world.ask('customer.summary', {})
    expect(summary.json()).toMatchObject({ customers: CUSTOMERS, balance: (CUSTOMERS - 4) * 40 })
    await until(() => instance?.ledger.health.read().parts['items of ledger']?.state === 'ok', {
      deadline_ms: 10_000,
      what: 'health to take back that the sums may be wrong',
    })
  })
})
