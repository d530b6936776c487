/** Every projection on the one runner, against real servers. */

import { ScanCommand, TransactGetCommand } from '@aws-sdk/lib-dynamodb'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { right, startTestLedger, type TestLedger } from '../../../test/support/ledger.js'
import { until } from '../../../test/support/servers.js'
import { publishBatch } from '../../stream/publish.js'
import { LEDGER_STREAM } from '../../stream/settings.js'
import { BY_CUSTOMER, PROJECTION_NAMES, type ProjectionName, tableName } from '../../tables/definition.js'
import { readItems } from '../../tables/heads.js'
import { IDENTITY_ID } from '../../tables/identity.js'

let ledger: TestLedger

beforeAll(async () => {
  ledger = await startTestLedger()
  ledger.project(...PROJECTION_NAMES)
})

afterAll(() => ledger.stop())

const settled = (): Promise<true> =>
  until(
    async () => {
      const { state } = await ledger.jsm.streams.info(LEDGER_STREAM)
      const floors = await Promise.all(
        PROJECTION_NAMES.map(async name => {
          const { ack_floor } = await ledger.jsm.consumers.info(LEDGER_STREAM, name)
          return ack_floor.stream_seq
        }),
      )
      return floors.every(floor => floor >= state.last_seq)
    },
    { deadline_ms: 30_000, what: 'all projections to be caught up' },
  )

type Item = Readonly<Record<string, unknown>>

const table = (name: ProjectionName): string => tableName(ledger.base_table, name, 1)

const itemsOf = async (name: ProjectionName, index?: string): Promise<Item[]> => {
  const { Items = [] } = await ledger.tables.send(
    new ScanCommand({ TableName: table(name), ...(index === undefined ? {} : { IndexName: index }) }),
  )
  return Items.filter(({ id }) => id !== IDENTITY_ID)
}

const item = async (name: ProjectionName, id: string): Promise<Item | undefined> => {
  const [found] = await right(readItems(ledger.tables, table(name), [id]))
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
    expect(await item('journal', `seq:${first}`)).toMatchObject({
      client_id: 'ann',
      seq: BigInt(first),
      type: 'credit',
      amount: 100n,
      balance: 100n,
      version: 1n,
    })
    expect(await item('journal', 't-1')).toMatchObject({
      seq: BigInt(second),
      balance: 70n,
      version: 2n,
      reference: 'order 5',
      metadata: '{"shop":7,"price":1.5}',
    })
    expect(await item('journal', 't-2')).toBeUndefined()
    const indexed = (await itemsOf('journal', BY_CUSTOMER)).filter(({ client_id }) => client_id === 'ann')
    expect(indexed.map(({ id }) => id).sort()).toEqual([`seq:${first}`, 't-1'].sort())
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
    expect(await item('journal', id)).toMatchObject({ seq: BigInt(first), client_id: a })
    expect(await item('journal', `seq:${second}`)).toMatchObject({ client_id: b, transaction_id: id })
  })

  it('keeps an id that looks like a key of its own apart from it', async () => {
    const seq = await ledger.emit('spoof', { type: 'credit', amount: 1, transaction_id: 'account:ann' })
    await settled()
    expect(await item('journal', 'txn:account:ann')).toMatchObject({ seq: BigInt(seq) })
    expect(await item('journal', 'account:ann')).toMatchObject({ balance: 70n, version: 2n })
  })
})

describe('the totals and the ranking', () => {
  it('equal the sum over the customers, whatever was refused', async () => {
    await ledger.emit('cat', { type: 'credit', amount: 50 })
    await ledger.emit('cat', {
      type: 'declined',
      amount: 90,
      transaction_id: 'd-1',
      declined: { command: 'debit', code: 'INSUFFICIENT_FUNDS', client_id: 'cat', balance: 50 },
    })
    await settled()
    const customers = await itemsOf('balances')
    const balance = customers.reduce((sum, { client_balance }) => sum + (client_balance as bigint), 0n)
    const all = (await itemsOf('totals')).filter(({ id }) => String(id).startsWith('all:'))
    const total = (name: string) => all.reduce((sum, one) => sum + ((one[name] as bigint) ?? 0n), 0n)
    expect(total('balance')).toBe(balance)
    expect(total('customers')).toBe(BigInt(customers.length))
    expect(total('credited') - total('debited')).toBe(balance)
    expect(total('declined')).toBe(1n)
    const ranked = await itemsOf('ranking')
    expect(ranked.map(({ id, balance: b, seq }) => [id, b, seq]).sort()).toEqual(
      customers.map(({ id, client_balance, seq }) => [id, client_balance, seq]).sort(),
    )
  })
})

it('events that change no sum, such as limits, are handled when they come alone', async () => {
  await ledger.emit('dan', { type: 'credit', amount: 5 })
  await settled()
  for (const limit of [50, 60]) await ledger.emit('dan', { schema: 2, type: 'limit', limit })
  await settled()
  expect(await item('totals', 'account:dan')).toMatchObject({ balance: 5n, version: 3n })
})

describe('a transfer', () => {
  it('whose customers are tied to hundreds of others is written, and every sum holds', async () => {
    await ledger.emit('hub', { type: 'credit', amount: 1_000 })
    const legs = Array.from({ length: 400 }, (_, i) =>
      transfer('hub', `spoke-${i % 150}`, `x-${i}`, 1),
    ).flat()
    await right(publishBatch(ledger.nc, legs, 5_000))
    await settled()
    expect(await item('balances', 'hub')).toMatchObject({ client_balance: 600n, version: 401n })
    expect(await item('balances', 'spoke-149')).toMatchObject({ client_balance: 2n })
    expect(await item('journal', 'x-399')).toMatchObject({ balance: 600n, counterparty: 'spoke-99' })
    expect(await item('journal', 'x-399:credit')).toMatchObject({ balance: 3n, counterparty: 'hub' })
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
              Get: { TableName: table('balances'), Key: { id } },
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
    expect(await item('balances', 'right')).toMatchObject({ client_balance: 300n })
  })
})
