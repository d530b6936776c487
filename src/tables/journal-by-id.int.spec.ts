import { PutCommand } from '@aws-sdk/lib-dynamodb'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { left, right, startTestLedger, type TestLedger } from '../../test/support/ledger.js'
import { clientId } from '../ledger/testing/arbitrary.js'
import { decodePlain } from '../ledger/testing/plain.js'
import { PROJECTIONS } from '../projections/definitions/ledger.js'
import { readJournal } from './journal-by-id.js'

let ledger: TestLedger

beforeAll(async () => {
  ledger = await startTestLedger({ has_table: true })
})
afterAll(() => ledger.stop())

const row = (transaction_id: string, more: Record<string, unknown> = {}) => ({
  id: `#${transaction_id}`,
  client_id: 'ann',
  seq: 7n,
  type: 'credit',
  amount: 5n,
  balance: 2n ** 63n - 1n,
  version: 3n,
  at: '2026-11-21T10:00:00.000Z',
  transaction_id,
  ...more,
})
const put = async (item: Record<string, unknown>): Promise<void> => {
  await ledger.tables.send(new PutCommand({ TableName: ledger.first_table, Item: item }))
}
const read = async (...ids: string[]) =>
  (await right(readJournal(ledger.tables, ledger.first_table, ids, () => undefined))).rows

it('gives the event of each id and the account after it; ids without a row are left out', async () => {
  await put(row('one', { reference: 'r', metadata: '{"a":{"b":[1]}}' }))
  await put(row('two', { type: 'debit', counterparty: 'bob', amount: 2n ** 62n }))
  const rows = await read('one', 'two', 'three')
  expect([...rows.keys()]).toEqual(['one', 'two'])
  expect(rows.get('one')).toEqual({
    client_id: 'ann',
    seq: 7,
    balance: 2n ** 63n - 1n,
    version: 3,
    account: { balance: 2n ** 63n - 1n, version: 3, seq: 7 },
    omitted: [],
    event: {
      type: 'credit',
      amount: 5n,
      transaction_id: 'one',
      reference: 'r',
      metadata: { a: { b: [1] } },
    },
  })
  expect(rows.get('two')?.event).toMatchObject({
    type: 'debit',
    amount: 2n ** 62n,
    transfer: { counterparty: 'bob' },
  })
})

it.each([
  { type: 'hold', amount: 5, expires_at: '2026-11-28T10:00:00.000Z', at: '2026-11-27T10:00:00.000Z' },
  { type: 'debit', amount: 5, hold: 'h', final: false, transfer: { counterparty: 'bob' } },
  { type: 'credit', amount: 5, reverses: 'one' },
  { type: 'release', hold: 'h', expired: true },
  { type: 'limit', limit: 500 },
  { type: 'state', state: 'frozen', reason: 'a check', until: '2026-11-28T10:00:00.000Z' },
  { type: 'declined', amount: 5, hold: 'h' },
])('gives back from its row the event of schema 2 %j', async body => {
  const text = JSON.stringify({ schema: 2, transaction_id: `two-${body.type}`, reference: 'r', ...body })
  const decoded = decodePlain(Buffer.from(text))
  if (decoded.tag !== 'event') throw new Error(decoded.tag)
  const record = { seq: 7, subject: 'customer.balance.ann', body: Buffer.from(text), at: new Date(0) }
  const account = { balance: 9n, version: 3, seq: 7 }
  const { id, seq, attributes } = PROJECTIONS.ledger.rowOf({
    ...{ id: clientId('ann'), record, event: decoded.event, from: { ...account, seq: 3 }, to: account },
  })
  await put({ id, seq: BigInt(seq), ...attributes, version: 3n })
  const { transaction_id = '' } = decoded.event
  expect((await read(transaction_id)).get(transaction_id)?.event).toEqual(decoded.event)
})

it('gives a refusal with its reason', async () => {
  const declined = {
    command: 'debit',
    code: 'INSUFFICIENT_FUNDS',
    client_id: 'ann',
    balance: '9223372036854775807',
  }
  await put(row('no', { type: 'declined', declined: JSON.stringify(declined) }))
  expect((await read('no')).get('no')?.event).toMatchObject({
    declined: { ...declined, balance: 2n ** 63n - 1n },
  })
})

it('keeps ids that look like keys of the table’s own apart from those', async () => {
  await put({ id: 'ann', client_balance: 1n, version: 1n, seq: 1n })
  await put({ id: '=all:0', customers: 1n })
  await put(row('', { id: '@7', transaction_id: undefined }))
  await put(row('named'))
  const like_keys = ['ann', '=all:0', '@7', '#named']
  expect(await read(...like_keys)).toEqual(new Map())
  for (const id of like_keys) await put(row(id))
  expect([...(await read(...like_keys)).keys()]).toEqual(like_keys)
})

it('reads up to 99 ids, and fails on a row that nobody of ours wrote', async () => {
  const ids = Array.from({ length: 99 }, (_, i) => `many-${i}`)
  await put(row('many-98'))
  expect([...(await read(...ids)).keys()]).toEqual(['many-98'])
  await put(row('bad', { type: 'gift' }))
  expect(await left(readJournal(ledger.tables, ledger.first_table, ['bad'], () => undefined))).toMatchObject({
    tag: 'Unexpected',
  })
})
