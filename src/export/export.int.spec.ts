/** An export of a real ledger: each event with what the fold made of it, whatever the event claims. */

import { DiscardPolicy } from '@nats-io/jetstream'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startTestStream, type TestStream } from '../../test/support/ledger.js'
import type { ClientId } from '../ledger/client-id.js'
import { type ExportScope, provedEnd, readScope } from './read.js'
import type { EventRow } from './row.js'

let ledger: TestStream
beforeAll(async () => {
  ledger = await startTestStream()
})
afterAll(() => ledger?.stop())

const read = async (scope: ExportScope) => {
  const { pages, customers } = readScope(ledger.nc, scope)
  const rows: EventRow[] = []
  for await (const page of pages) rows.push(...page)
  return { rows, customers }
}

it('says of each event what the fold makes of it, and believes no claim', async () => {
  const { emit, nc } = ledger
  const unknown = { schema: 99, type: 'dividend', amount: 5 }
  await emit('1', { schema: 1, type: 'credit', amount: 100, transaction_id: 'a', reference: 'first' })
  await emit('1', { type: 'debit', amount: 500 })
  await emit('1', 'not JSON')
  await emit('1', { type: 'credit', amount: 5, after: { balance: 1_000_000, version: 9 } })
  await emit('2.3', { type: 'credit', amount: 5 })
  await emit('2', unknown)
  await emit('2', { type: 'credit', amount: 7, transfer: { counterparty: '1' } })
  // the decision comes after events that it lets count
  await emit('2', { schema: 2, type: 'skip', seq: 6, reason: 'a test', by: 'someone' })
  // somebody else's decision about an event of customer 3 decides nothing
  await emit('3', unknown)
  await emit('2', { schema: 2, type: 'skip', seq: 9, reason: 'a test', by: 'someone' })
  await emit('3', { type: 'credit', amount: 1 })
  const { rows, customers } = await read({ to_seq: await provedEnd(nc) })
  expect(rows.map(({ seq, client_id, effect, balance }) => [seq, client_id, effect, balance])).toEqual([
    [1, '1', 'applied', 100n],
    [2, '1', 'refused', 100n],
    [3, '1', 'refused', 100n],
    [4, '1', 'applied', 105n],
    [5, undefined, 'refused', undefined],
    [6, '2', 'refused', 0n],
    [7, '2', 'applied', 7n],
    [8, '2', 'decision', 7n],
    [9, '3', 'waiting', 0n],
    [10, '2', 'decision', 7n],
    [11, '3', 'waiting', 0n],
  ])
  expect(rows[0]).toMatchObject({
    type: 'credit',
    amount: 100n,
    transaction_id: 'a',
    reference: 'first',
    details: undefined,
  })
  expect(rows[1]?.reason).toBe('INSUFFICIENT_FUNDS')
  expect(rows[2]?.reason).toContain('MALFORMED')
  expect(rows[6]?.counterparty).toBe('1')
  expect([...customers].map(([id, { account }]) => [id, account.balance])).toEqual([
    ['1', 105n],
    ['2', 7n],
    ['3', 0n],
  ])
})

it('reads one customer, and no further than asked', async () => {
  const { rows } = await read({ client_id: '1' as ClientId, to_seq: 3 })
  expect(rows.map(({ seq }) => seq)).toEqual([1, 2, 3])
})

it('is refused where the stream has a hole', async () => {
  const { jsm, nc } = ledger
  const { config } = await jsm.streams.info('customer-balances')
  const to_seq = await provedEnd(nc)
  await jsm.streams.update('customer-balances', {
    ...config,
    discard: DiscardPolicy.Old,
    max_msgs: to_seq - 1,
  })
  await expect(read({ to_seq })).rejects.toThrow(/no event 1, but has 2/)
})
