import { PutCommand, ScanCommand } from '@aws-sdk/lib-dynamodb'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { right, startTestLedger, type TestLedger } from '../../test/support/ledger.js'
import { until } from '../../test/support/servers.js'
import { E } from '../fp.js'
import { clientId } from '../ledger/testing/arbitrary.js'
import { tableName } from '../tables/definition.js'
import { readHeads } from '../tables/heads.js'
import { readIdentity } from '../tables/identity.js'
import { allKey, readTotals } from '../tables/totals.js'
import { PROJECTIONS } from './definitions/ledger.js'
import { listParked } from './parked.js'
import { replay } from './rebuild/rebuild.js'
import { targetOf } from './target.js'
import { walk } from './walk.js'

const REPLAY = { keep: false, checkpoint_ms: 30_000, onProgress: () => undefined }

let ledger: TestLedger
const ending = new AbortController()

beforeAll(async () => {
  ledger = await startTestLedger()
  ledger.project()
})
afterAll(async () => {
  ending.abort()
  await ledger.stop()
})

const balanceOf = async (id: string): Promise<bigint | undefined> =>
  (await right(readHeads(ledger.tables, ledger.first_table, [clientId(id)]))).get(clientId(id))?.account
    .balance

it('an item that was put back from a copy is folded again although nobody touches its customer', async () => {
  await ledger.emit('ann', { type: 'credit', amount: 10 })
  await ledger.emit('bob', { type: 'credit', amount: 10 })
  await ledger.caughtUp()
  const { Items = [] } = await ledger.tables.send(new ScanCommand({ TableName: ledger.first_table }))
  await ledger.emit('ann', { type: 'debit', amount: 4 })
  await ledger.emit('bob', { type: 'debit', amount: 40 })
  await ledger.caughtUp()
  const copy = Items.find(({ id }) => id === 'ann')
  await ledger.tables.send(new PutCommand({ TableName: ledger.first_table, Item: copy }))
  expect(await balanceOf('ann')).toBe(10n)
  const identity = await right(readIdentity(ledger.tables, ledger.first_table))
  const walking = walk(
    { ...targetOf(ledger, PROJECTIONS.ledger, 1), epoch: identity?.epoch ?? '' },
    ending.signal,
    1,
  )
  await until(async () => (await balanceOf('ann')) === 6n, { deadline_ms: 30_000, what: 'ann to have 6' })
  expect(await balanceOf('bob')).toBe(10n)
  ending.abort()
  await walking
})

it('a customer that was put back leaves the sums in doubt, until a replay has made them anew', async () => {
  const sums = async (table: string) => {
    const found = await readTotals(ledger.tables, table, [allKey(undefined)], () => undefined)()
    return E.isLeft(found) ? found.left.message : found.right.get(allKey(undefined))?.balance
  }
  await ledger.emit('cat', { type: 'credit', amount: 10 })
  await ledger.caughtUp()
  const { Items = [] } = await ledger.tables.send(new ScanCommand({ TableName: ledger.first_table }))
  await ledger.emit('cat', { type: 'credit', amount: 7 })
  await ledger.caughtUp()
  // the sums are put back together with the customer, so that nothing in the table contradicts them
  for (const item of Items.filter(({ id }) => id === 'cat' || String(id).startsWith('=')))
    await ledger.tables.send(new PutCommand({ TableName: ledger.first_table, Item: item }))
  const identity = await right(readIdentity(ledger.tables, ledger.first_table))
  const walked = new AbortController()
  const target = { ...targetOf(ledger, PROJECTIONS.ledger, 1), epoch: identity?.epoch ?? '' }
  const walking = walk(target, walked.signal, 1)
  await until(async () => (await balanceOf('cat')) === 17n, { deadline_ms: 30_000, what: 'cat to have 17' })
  walked.abort()
  await walking
  expect(await sums(ledger.first_table)).toContain('the item of cat was not what the stream says')
  await replay(ledger, PROJECTIONS.ledger, { ...REPLAY, signal: new AbortController().signal })
  // ann has 6, bob 10 and cat 17
  expect(await sums(tableName(ledger.base_table, 'ledger', 2))).toBe(33n)
})

it('notes of parked customers that were deleted, written over or made up are put right', async () => {
  const keyOf = (id: string): string => `parked.ledger.${Buffer.from(id).toString('base64url')}`
  const IDS = ['lost', 'junk']
  for (const id of IDS) await ledger.emit(id, { schema: 99, type: 'credit', amount: 1 })
  await ledger.caughtUp()
  await ledger.kv.delete(keyOf('lost'))
  await ledger.kv.put(keyOf('junk'), 'junk{')
  await ledger.kv.put(keyOf('ann'), JSON.stringify({ client_id: 'ann', seq: 1, schema: 99 }))
  await ledger.kv.put('parked.ledger.no.key.of_ours', 'x')
  const identity = await right(readIdentity(ledger.tables, tableName(ledger.base_table, 'ledger', 2)))
  const walked = new AbortController()
  const target = { ...targetOf(ledger, PROJECTIONS.ledger, 2), epoch: identity?.epoch ?? '' }
  const walking = walk(target, walked.signal, 1)
  const noted = async () => (await listParked(target)).map(({ client_id }) => client_id).sort()
  await until(
    async () => {
      const keys: string[] = []
      for await (const key of await ledger.kv.keys('parked.ledger.>')) keys.push(key)
      return keys.length === IDS.length && (await noted()).join() === 'junk,lost'
    },
    { deadline_ms: 30_000, what: 'the notes to be right' },
  )
  walked.abort()
  await walking
})
