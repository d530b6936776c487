/** The projection on its runner, against real servers: heads, rows, sums and indexes. */

import { ScanCommand, TransactGetCommand } from '@aws-sdk/lib-dynamodb'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { right, startTestLedger, type TestLedger } from '../../../test/support/ledger.js'
import { publishBatch } from '../../stream/publish.js'
import { BY_BALANCE, BY_CUSTOMER, BY_ID } from '../../tables/definition.js'
import { readItems } from '../../tables/heads.js'
import { IDENTITY_ID } from '../../tables/identity.js'
import { rowId, seqRowId } from '../../tables/journal-ids.js'

let ledger: TestLedger

beforeAll(async () => {
  ledger = await startTestLedger()
  ledger.project()
})

afterAll(() => ledger.stop())

const settled = (): Promise<void> => ledger.caughtUp()

type Item = Readonly<Record<string, unknown>>

const itemsOf = async (index?: string): Promise<Item[]> => {
  const { Items = [] } = await ledger.tables.send(
    new ScanCommand({ TableName: ledger.first_table, ...(index === undefined ? {} : { IndexName: index }) }),
  )
  return Items.filter(({ id }) => id !== IDENTITY_ID)
}

const item = async (id: string): Promise<Item | undefined> => {
  const [found] = await right(readItems(ledger.tables, ledger.first_table, [id]))
  return found as Item | undefined
}

const transfer = (from: string, to: string, id: string, amount: number) => [
  {
    subject: `customer.balance.${from}`,
    body: JSON.stringify({ type: 'debit', amount, transaction_id: id, transfer: { counterparty: to } }),
  },
  {
    subject: `customer.balance.${to}`,
    body: JSON.stringify({
      type: 'credit',
      amount,
      transaction_id: `${id}:credit`,
      transfer: { counterparty: from },
    }),
  },
]

describe('the journal', () => {
  it('has a row for each event that counts, with the running balance, by transaction id or by sequence', async () => {
    const first = await ledger.emit('ann', { type: 'credit', amount: 100 })
    const second = await ledger.emit('ann', {
      type: 'debit',
      amount: 30,
      transaction_id: 't-1',
      reference: 'order 5',
      metadata: { shop: 7, price: 1.5 },
    })
    await ledger.emit('ann', { type: 'debit', amount: 1_000, transaction_id: 't-2' })
    await settled()
    expect(await item(seqRowId(first))).toMatchObject({
      client_id: 'ann',
      seq: BigInt(first),
      type: 'credit',
      amount: 100n,
      balance: 100n,
      version: 1n,
    })
    expect(await item(rowId('t-1'))).toMatchObject({
      seq: BigInt(second),
      balance: 70n,
      version: 2n,
      reference: 'order 5',
      metadata: '{"shop":7,"price":1.5}',
    })
    expect(await item(rowId('t-2'))).toBeUndefined()
    const indexed = (await itemsOf(BY_CUSTOMER)).filter(({ client_id }) => client_id === 'ann')
    expect(indexed.map(({ id }) => id).sort()).toEqual([seqRowId(first), rowId('t-1')].sort())
  })

  it.each([
    ['in one run', 0],
    ['in two', 1],
  ])('gives an id to the first event that has it, %s', async (_, apart) => {
    const id = `twice-${apart}`
    const [a, b] = [`a${apart}`, `b${apart}`]
    const first = await ledger.emit(a, { type: 'credit', amount: 1, transaction_id: id })
    if (apart === 1) await settled()
    const second = await ledger.emit(b, { type: 'credit', amount: 2, transaction_id: id })
    await settled()
    expect(await item(rowId(id))).toMatchObject({ seq: BigInt(first), client_id: a })
    expect(await item(seqRowId(second))).toMatchObject({ client_id: b, transaction_id: id })
  })

  it.each(['ann', '=all:0', '@1', '#t-1'])(
    'keeps the transaction id %s apart from the item with that key',
    async id => {
      const seq = await ledger.emit('spoof', { type: 'credit', amount: 1, transaction_id: id })
      await settled()
      expect(await item(rowId(id))).toMatchObject({ seq: BigInt(seq), client_id: 'spoof' })
      expect(await item(id)).not.toMatchObject({ client_id: 'spoof' })
    },
  )
})

describe('the sums and the indexes over heads', () => {
  it('equal the sum over the customers, whatever was refused', async () => {
    await ledger.emit('cat', { type: 'credit', amount: 50 })
    await ledger.emit('cat', {
      type: 'declined',
      amount: 90,
      transaction_id: 'd-1',
      declined: { command: 'debit', code: 'INSUFFICIENT_FUNDS', client_id: 'cat', balance: 50 },
    })
    await settled()
    const customers = (await itemsOf()).filter(({ client_balance }) => client_balance !== undefined)
    const balance = customers.reduce((sum, { client_balance }) => sum + (client_balance as bigint), 0n)
    const all = (await itemsOf()).filter(({ id }) => String(id).startsWith('=all:'))
    const total = (name: string) => all.reduce((sum, one) => sum + ((one[name] as bigint) ?? 0n), 0n)
    expect(total('balance')).toBe(balance)
    expect(total('customers')).toBe(BigInt(customers.length))
    expect(total('credited') - total('debited')).toBe(balance)
    expect(total('declined')).toBe(1n)
    for (const index of [BY_BALANCE, BY_ID]) {
      const ranked = await itemsOf(index)
      expect(ranked.map(({ id, seq }) => [id, seq]).sort()).toEqual(
        customers.map(({ id, seq }) => [id, seq]).sort(),
      )
    }
  })
})

it('events that change no sum, such as limits, are handled when they come alone', async () => {
  await ledger.emit('dan', { type: 'credit', amount: 5 })
  await settled()
  for (const limit of [50, 60]) await ledger.emit('dan', { schema: 2, type: 'limit', limit })
  await settled()
  expect(await item('dan')).toMatchObject({ client_balance: 5n, version: 3n })
})

describe('a transfer', () => {
  it('whose customers are tied to hundreds of others is written, and every sum holds', async () => {
    await ledger.emit('hub', { type: 'credit', amount: 1_000 })
    const legs = Array.from({ length: 400 }, (_, i) =>
      transfer('hub', `spoke-${i % 150}`, `x-${i}`, 1),
    ).flat()
    await right(publishBatch(ledger.nc, legs, 5_000))
    await settled()
    expect(await item('hub')).toMatchObject({ client_balance: 600n, version: 401n })
    expect(await item('spoke-149')).toMatchObject({ client_balance: 2n })
    expect(await item(rowId('x-399'))).toMatchObject({ balance: 600n, counterparty: 'spoke-99' })
    expect(await item(rowId('x-399:credit'))).toMatchObject({ balance: 3n, counterparty: 'hub' })
  })

  it('is seen whole by whoever reads both balances in one transaction, at every moment', async () => {
    await ledger.emit('left', { type: 'credit', amount: 300 })
    await settled()
    let reads = 0
    const reading = (async () => {
      for (; reads < 300; reads += 1) {
        const { Responses = [] } = await ledger.tables.send(
          new TransactGetCommand({
            TransactItems: ['left', 'right'].map(id => ({
              Get: { TableName: ledger.first_table, Key: { id } },
            })),
          }),
        )
        const sum = Responses.reduce(
          (total, { Item }) => total + ((Item?.client_balance as bigint) ?? 0n),
          0n,
        )
        expect(sum).toBe(300n)
      }
    })()
    for (let i = 0; i < 60; i += 1) {
      await right(publishBatch(ledger.nc, transfer('left', 'right', `whole-${i}`, 5), 5_000))
    }
    await reading
    await settled()
    expect(await item('right')).toMatchObject({ client_balance: 300n })
  })
})
