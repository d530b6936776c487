/** An item that a person changed by hand is not answered as a balance, even before it is found and mended. */

import { DeleteCommand, GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { seqRowId } from '../tables/journal-ids.js'
import { ledgerOf, type Rig, startRig } from './testing/rig.js'

/** Events as the command side writes them: each holds the balance that it left behind. */
const FIRST = { schema: 1, type: 'credit', amount: 100, after: { balance: 100, version: 1 } }
const SECOND = { schema: 1, type: 'debit', amount: 60, after: { balance: 40, version: 2 } }
/** Events as a publisher sends them: they do not hold that balance. */
const DIRECT = [
  { type: 'credit', amount: 100 },
  { type: 'debit', amount: 60 },
]

type Item = Record<string, unknown>

let rig: Rig
/** Every item as it was after the first event. */
const older = new Map<string, Item>()

const itemOf = async (id: string): Promise<Item> => {
  const { Item = {} } = await rig.deps.tables.send(
    new GetCommand({ TableName: rig.first_table, Key: { id }, ConsistentRead: true }),
  )
  return Item
}
const put = (item: Item): Promise<unknown> =>
  rig.deps.tables.send(new PutCommand({ TableName: rig.first_table, Item: item }))

const IDS = ['claimed', 'direct', 'changed', 'gone', 'rejected', 'stranger-event']

beforeAll(async () => {
  rig = await startRig({ hot_customers_max: 0 })
  const projector = rig.project()
  for (const id of IDS) await rig.emit(id, id === 'direct' ? DIRECT[0] : FIRST)
  await rig.caughtUp()
  for (const id of IDS) older.set(id, await itemOf(id))
  for (const id of IDS) await rig.emit(id, id === 'direct' ? DIRECT[1] : SECOND)
  await rig.emit('rejected', { type: 'debit', amount: 41 })
  await rig.caughtUp()
  // without a projector nothing mends the changes that follow
  await projector.stop()
  // an instance that starts now does not have these events in memory
  await rig.startQueries({ hot_customers_max: 0 })
  await rig.service.stop()
})
afterAll(() => rig.stop())

const balanceOf = async (id: string): Promise<string> => {
  const reply = await rig.ask('customer.balance', { client_id: id })
  return `${reply.string()} ${ledgerOf(reply).split(' ')[2]}`
}

it.each(['claimed', 'direct', 'rejected'])(
  'an older state of %s that was put back is completed',
  async id => {
    await put(older.get(id) ?? {})
    expect(await balanceOf(id)).toBe('{"balance":40} stream')
  },
)

it('an item that was deleted is not a balance of 0', async () => {
  await rig.deps.tables.send(new DeleteCommand({ TableName: rig.first_table, Key: { id: 'gone' } }))
  expect(await balanceOf('gone')).toBe('{"balance":40} stream')
})

it('an item that was changed at the same sequence does not count against what its event says', async () => {
  await put({ ...(await itemOf('changed')), client_balance: 424_242n })
  expect(await balanceOf('changed')).toMatch(/^\{"balance":40\}/)
})

it('an item of a customer of whom the stream knows nothing does not count', async () => {
  await put({ ...(await itemOf('stranger-event')), id: 'stranger' })
  expect(await balanceOf('stranger')).toMatch(/^\{"balance":0\}/)
})

it('items that nobody touched are answered from the table', async () => {
  expect(await balanceOf('stranger-event')).toBe('{"balance":40} table')
})

it.each([
  ['amount', 7n],
  ['balance', 424_242n],
  ['type', 'credit'],
])('a row of the journal with another %s is in no statement', async (name, value) => {
  type Entry = { readonly seq: number; readonly balance: number; readonly amount: number }
  const entries = async (): Promise<readonly Entry[]> =>
    (await rig.ask('customer.statement', { client_id: 'stranger-event' })).json<{ entries: Entry[] }>()
      .entries
  const right = await entries()
  expect(right.map(({ balance }) => balance)).toEqual([40, 100])
  const row = await rig.takeRow(right[0]?.seq ?? 0)
  expect(row).toMatchObject({ id: seqRowId(right[0]?.seq ?? 0) })
  await rig.putRow({ ...row, [name]: value })
  expect(await entries()).toEqual(right)
  await rig.putRow(row)
})
