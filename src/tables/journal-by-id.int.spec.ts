import { PutCommand } from '@aws-sdk/lib-dynamodb'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { left, right, startTestLedger, type TestLedger } from '../../test/support/ledger.js'
import { TABLES, tableName } from './definition.js'
import { readJournal } from './journal-by-id.js'
import { createTable } from './provision.js'

let ledger: TestLedger
const table = tableName('customer-balances', 'journal', 1)

beforeAll(async () => {
  ledger = await startTestLedger()
  await right(createTable(ledger.tables, table, TABLES.journal))
})
afterAll(() => ledger.stop())

const row = (id: string, more: Record<string, unknown> = {}) => ({
  id,
  client_id: 'ann',
  seq: 7n,
  type: 'credit',
  amount: 5n,
  balance: 2n ** 63n - 1n,
  version: 3n,
  at: '2026-11-21T10:00:00.000Z',
  transaction_id: id,
  ...more,
})
const put = async (item: Record<string, unknown>): Promise<void> => {
  await ledger.tables.send(new PutCommand({ TableName: table, Item: item }))
}
const read = (...ids: string[]) => right(readJournal(ledger.tables, table, ids, () => undefined))

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
  await put({ id: 'account:ann', balance: 1n, version: 1n, seq: 1n })
  await put(row('seq:7', { transaction_id: undefined }))
  expect(await read('account:ann', 'seq:7')).toEqual(new Map())
  await put(row('txn:account:ann', { transaction_id: 'account:ann' }))
  expect([...(await read('account:ann')).keys()]).toEqual(['account:ann'])
})

it('reads up to 99 ids, and fails on a row that nobody of ours wrote', async () => {
  const ids = Array.from({ length: 99 }, (_, i) => `many-${i}`)
  await put(row('many-98'))
  expect([...(await read(...ids)).keys()]).toEqual(['many-98'])
  await put(row('bad', { type: 'gift' }))
  expect(await left(readJournal(ledger.tables, table, ['bad'], () => undefined))).toMatchObject({
    tag: 'Unexpected',
  })
})
