import { PutCommand, ScanCommand } from '@aws-sdk/lib-dynamodb'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { right, startTestLedger, type TestLedger } from '../../test/support/ledger.js'
import { until } from '../../test/support/servers.js'
import { clientId } from '../ledger/testing/arbitrary.js'
import { readCustomers } from '../tables/balances.js'
import { tableName } from '../tables/definition.js'
import { IDENTITY_ID, readIdentity } from '../tables/identity.js'
import { readTotals } from '../tables/totals.js'
import { balances } from './definitions/balances.js'
import { totals } from './definitions/totals.js'
import { listParked } from './parked.js'
import { targetOf } from './target.js'
import { walk } from './walk.js'

let ledger: TestLedger
const ending = new AbortController()

beforeAll(async () => {
  ledger = await startTestLedger()
  ledger.project('balances', 'totals')
})
afterAll(async () => {
  ending.abort()
  await ledger.stop()
})

const balanceOf = async (id: string): Promise<bigint | undefined> =>
  (await right(readCustomers(ledger.tables, ledger.base_table, [clientId(id)]))).get(clientId(id))?.account
    .balance

it('an item that was put back from a copy is folded again although nobody touches its customer', async () => {
  await ledger.emit('ann', { type: 'credit', amount: 10 })
  await ledger.emit('bob', { type: 'credit', amount: 10 })
  await ledger.caughtUp('balances')
  const { Items = [] } = await ledger.tables.send(new ScanCommand({ TableName: ledger.base_table }))
  await ledger.emit('ann', { type: 'debit', amount: 4 })
  await ledger.emit('bob', { type: 'debit', amount: 40 })
  await ledger.caughtUp('balances')
  const copy = Items.find(({ id }) => id === 'ann')
  await ledger.tables.send(new PutCommand({ TableName: ledger.base_table, Item: copy }))
  expect(await balanceOf('ann')).toBe(10n)
  const identity = await right(readIdentity(ledger.tables, ledger.base_table))
  const walking = walk({ ...targetOf(ledger, balances, 1), epoch: identity?.epoch ?? '' }, ending.signal, 1)
  await until(async () => (await balanceOf('ann')) === 6n, { deadline_ms: 30_000, what: 'ann to have 6' })
  expect(await balanceOf('bob')).toBe(10n)
  ending.abort()
  await walking
})

it('sums that were put back together with a customer are folded again from the first event', async () => {
  const table = tableName(ledger.base_table, 'totals', 1)
  const balanceOfAll = async (): Promise<bigint | undefined> =>
    (await right(readTotals(ledger.tables, table, ['all'], () => undefined))).get('all')?.balance
  await ledger.emit('cat', { type: 'credit', amount: 10 })
  await ledger.caughtUp('totals')
  const { Items = [] } = await ledger.tables.send(new ScanCommand({ TableName: table }))
  const before = await balanceOfAll()
  await ledger.emit('cat', { type: 'credit', amount: 7 })
  await ledger.caughtUp('totals')
  expect(await balanceOfAll()).toBe((before ?? 0n) + 7n)
  for (const item of Items.filter(({ id }) => id !== IDENTITY_ID))
    await ledger.tables.send(new PutCommand({ TableName: table, Item: item }))
  expect(await balanceOfAll()).toBe(before)
  const identity = await right(readIdentity(ledger.tables, table))
  const walked = new AbortController()
  const walking = walk({ ...targetOf(ledger, totals, 1), epoch: identity?.epoch ?? '' }, walked.signal, 1)
  await until(async () => (await balanceOfAll()) === (before ?? 0n) + 7n, {
    deadline_ms: 30_000,
    what: 'the sums to be right',
  })
  walked.abort()
  await walking
})

it('notes of parked customers that were deleted, written over or made up are put right', async () => {
  const keyOf = (id: string): string => `parked.balances.${Buffer.from(id).toString('base64url')}`
  const IDS = ['lost', 'junk']
  for (const id of IDS) await ledger.emit(id, { schema: 99, type: 'credit', amount: 1 })
  await ledger.caughtUp('balances')
  await ledger.kv.delete(keyOf('lost'))
  await ledger.kv.put(keyOf('junk'), 'junk{')
  await ledger.kv.put(keyOf('ann'), JSON.stringify({ client_id: 'ann', seq: 1, schema: 99 }))
  await ledger.kv.put('parked.balances.no.key.of_ours', 'x')
  const identity = await right(readIdentity(ledger.tables, ledger.base_table))
  const walked = new AbortController()
  const target = { ...targetOf(ledger, balances, 1), epoch: identity?.epoch ?? '' }
  const walking = walk(target, walked.signal, 1)
  const noted = async () => (await listParked(target)).map(({ client_id }) => client_id).sort()
  await until(
    async () => {
      const keys: string[] = []
      for await (const key of await ledger.kv.keys('parked.balances.>')) keys.push(key)
      return keys.length === IDS.length && (await noted()).join() === 'junk,lost'
    },
    { deadline_ms: 30_000, what: 'the notes to be right' },
  )
  walked.abort()
  await walking
})
