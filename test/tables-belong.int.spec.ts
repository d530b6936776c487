// has servers of its own: whole tables are taken away, emptied and exchanged
/** A projection notices that its table is not the one that it filled; its data is not used, and the table is healed. */

import { CreateTableCommand, DeleteTableCommand, DescribeTableCommand } from '@aws-sdk/client-dynamodb'
import { DeleteCommand, PutCommand, ScanCommand } from '@aws-sdk/lib-dynamodb'
import type { Msg } from 'nats'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { listDeadLetters } from '../src/dead-letters/letters.js'
import { LEDGER_STREAM } from '../src/stream/settings.js'
import { PROJECTION_NAMES, type ProjectionName, TABLES, tableName } from '../src/tables/definition.js'
import { createTable, dropTable } from '../src/tables/provision.js'
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

const tableOf = (name: ProjectionName): string => tableName(TABLE, name, 1)

type Item = Record<string, unknown>

const itemsOf = async (table: string): Promise<Item[]> => {
  const { Items = [] } = await world.tables.send(new ScanCommand({ TableName: table, ConsistentRead: true }))
  return Items
}

const emptied = async (table: string): Promise<void> => {
  for (const { id } of await itemsOf(table))
    await world.tables.send(new DeleteCommand({ TableName: table, Key: { id } }))
}

const restored = async (table: string, items: readonly Item[]): Promise<void> => {
  for (const item of items) await world.tables.send(new PutCommand({ TableName: table, Item: item }))
}

const remade = async (name: ProjectionName): Promise<void> => {
  await right(dropTable(world.tables, tableOf(name)))
  await right(createTable(world.tables, tableOf(name), TABLES[name]))
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

const HARM: readonly [string, (name: ProjectionName, copy: readonly Item[]) => Promise<void>][] = [
  ['deleted', async name => right(dropTable(world.tables, tableOf(name)))],
  ['made anew', async name => remade(name)],
  ['emptied', async name => emptied(tableOf(name))],
  ['set back to an older state', async (name, copy) => restored(tableOf(name), copy)],
  [
    'made anew with an older state',
    async (name, copy) => {
      await remade(name)
      await restored(tableOf(name), copy)
    },
  ],
]

/** Starts a ledger of 12 customers with 100 each, and returns copies of its tables from before each customer paid 60. */
const begin = async (): Promise<ReadonlyMap<ProjectionName, readonly Item[]>> => {
  instance = await world.start()
  await round(100)
  await expectVerified({ nc: world.nc, jsm: world.jsm, tables: world.tables, base_table: TABLE })
  const copies = new Map<ProjectionName, readonly Item[]>()
  for (const name of PROJECTION_NAMES) copies.set(name, await itemsOf(tableOf(name)))
  await round(-60)
  await expectVerified({ nc: world.nc, jsm: world.jsm, tables: world.tables, base_table: TABLE })
  return copies
}

describe('a table that is not the one that its projection filled is never believed, and is filled anew', () => {
  it.each(HARM)('when all are %s while the ledger runs', async (_what, harm) => {
    const copies = await begin()
    for (const name of PROJECTION_NAMES) await harm(name, copies.get(name) ?? [])
    await expectRight(40)
    await round(-20)
    await expectRight(20, 40)
    await expectHealed(20)
  })

  it.each(HARM)('when all are %s while the ledger is stopped', async (_what, harm) => {
    const copies = await begin()
    await instance?.stop()
    for (const name of PROJECTION_NAMES) await harm(name, copies.get(name) ?? [])
    instance = await world.start()
    await expectRight(40)
    await round(-20)
    await expectHealed(20)
  })

  it.each(PROJECTION_NAMES)(
    'when the table of %s alone is emptied, and events come before it is noticed',
    async name => {
      await begin()
      await emptied(tableOf(name))
      await round(-40)
      await expectRight(0, 40)
      await expectHealed(0)
    },
  )
})

it('tables are left as they are beside another stream, until a person has said which is right', async () => {
  await begin()
  const { config } = await world.jsm.streams.info(LEDGER_STREAM)
  await world.jsm.streams.delete(LEDGER_STREAM)
  await world.jsm.streams.add(config)
  await world.ask('customer.balance.stranger', { type: 'credit', amount: 1 })
  // the process looks at the stream, too: when it is the first to see it, the projections do nothing more, and say nothing new
  const saysSo = (part: string): boolean | undefined =>
    instance?.ledger.health.read().parts[part]?.detail.includes('is another one')
  for (const name of PROJECTION_NAMES)
    await until(() => saysSo(`projection ${name}`) || saysSo('ledger'), {
      deadline_ms: 30_000,
      what: `${name}, or the process, to say that the stream is another one`,
    })
  for (const name of PROJECTION_NAMES)
    expect((await itemsOf(tableOf(name))).length).toBeGreaterThan(CUSTOMERS)
})

describe('a table with other keys or without an index', () => {
  it.each(PROJECTION_NAMES)(
    'of %s is named with what is wrong, and nothing is answered from it',
    async name => {
      await begin()
      await instance?.stop()
      const table = tableOf(name)
      await right(dropTable(world.tables, table))
      await world.tables.send(
        new CreateTableCommand({
          TableName: table,
          AttributeDefinitions: [{ AttributeName: 'key', AttributeType: 'S' }],
          KeySchema: [{ AttributeName: 'key', KeyType: 'HASH' }],
          BillingMode: 'PAY_PER_REQUEST',
        }),
      )
      instance = await world.start()
      await expectRight(40)
      await until(
        async () =>
          (await instance?.readiness())?.[`projection ${name}`]?.detail.includes('its key is key (S, HASH)'),
        { deadline_ms: 30_000, what: 'readiness to name the key' },
      )
      expect(instance.ledger.health.read().parts[`projection ${name}`]).toMatchObject({
        state: 'down',
        detail: expect.stringContaining(`the table ${table} cannot be used`),
      })
      await world.tables.send(new DeleteTableCommand({ TableName: table }))
      await expectHealed(40)
      const { Table } = await world.tables.send(new DescribeTableCommand({ TableName: table }))
      expect(Table?.KeySchema).toEqual([{ AttributeName: 'id', KeyType: 'HASH' }])
    },
  )
})

describe('an item that was put back from a copy, deleted or changed by hand', () => {
  const put = (name: ProjectionName, item: Item): Promise<unknown> =>
    world.tables.send(new PutCommand({ TableName: tableOf(name), Item: item }))

  const keyOf = (name: ProjectionName, client_id: string): string =>
    name === 'journal' || name === 'totals' ? `account:${client_id}` : client_id

  /** Publishes an event directly: it does not claim the state after it, so only the stream shows which events are missing. */
  const publish = async (client_id: string, type: string, amount: number): Promise<void> => {
    const reply = await world.ask(`customer.balance.${client_id}`, { type, amount })
    expect(reply.json()).toHaveProperty('seq')
  }

  it.each(PROJECTION_NAMES)('in %s is folded again when its customer is next touched', async name => {
    const copies = await begin()
    const copyOf = (id: string): Item => {
      const item = copies.get(name)?.find(each => each.id === keyOf(name, id))
      if (item === undefined) throw new Error(`there is no copy of ${id}`)
      return item
    }
    await put(name, copyOf('c1'))
    await put(name, copyOf('c2'))
    await world.tables.send(new DeleteCommand({ TableName: tableOf(name), Key: { id: keyOf(name, 'c3') } }))
    const balance = name === 'balances' ? 'client_balance' : 'balance'
    await put(name, { ...copyOf('c4'), [balance]: 9_999n })
    await publish('c1', 'debit', 40)
    for (const id of ['c2', 'c3', 'c4']) await world.ask('customer.debit', { client_id: id, amount: 40 })
    await expectVerified({ nc: world.nc, jsm: world.jsm, tables: world.tables, base_table: TABLE })
    for (const id of ['c1', 'c2', 'c3', 'c4'])
      expect((await world.ask('customer.balance', { client_id: id })).string()).toBe('{"balance":0}')
    expect(await right(listDeadLetters(world.nc, { limit: 10 }))).toEqual([])
    expect(instance?.ledger.health.read().parts[`items of ${name}`]).toMatchObject({ state: 'degraded' })
  })
})
