import { describe, expect, it } from 'vitest'
import { NEW_CUSTOMER } from '../ledger/fold.js'
import { clientId } from '../ledger/testing/arbitrary.js'
import type { Recorded } from '../stream/read.js'
import { customersOf, foldBatch } from './fold-batch.js'

const [ann, bob] = [clientId('ann'), clientId('bob')]

const recorded = (seq: number, token: string, body: unknown): Recorded => ({
  seq,
  subject: `customer.balance.${token}`,
  body: new TextEncoder().encode(JSON.stringify(body)),
  at: new Date(0),
})

const unread = (records: readonly Recorded[]) => new Map(customersOf(records).map(id => [id, NEW_CUSTOMER]))

describe('folding a run of the stream', () => {
  it('gives each customer one state, however many events it has', () => {
    const records = [
      recorded(1, 'ann', { type: 'credit', amount: 10 }),
      recorded(2, 'bob', { type: 'credit', amount: 5 }),
      recorded(3, 'ann', { type: 'debit', amount: 4 }),
    ]
    const { customers } = foldBatch(unread(records), records)
    expect(customers.get(ann)?.account).toEqual({ balance: 6n, version: 2, seq: 3 })
    expect(customers.get(bob)?.account).toEqual({ balance: 5n, version: 1, seq: 2 })
  })

  it('keeps a letter for what has no effect, and none for what was seen', () => {
    const records = [
      recorded(1, 'ann', { type: 'credit', amount: 10 }),
      recorded(2, 'ann', { type: 'debit', amount: 11 }),
      recorded(3, 'bob', 'rubbish'),
      recorded(4, 'a.b', { type: 'credit', amount: 1 }),
    ]
    const { letters } = foldBatch(unread(records), records)
    expect(letters.map(({ event, verdict }) => [event.seq, verdict.reason])).toEqual([
      [2, 'INSUFFICIENT_FUNDS'],
      [3, 'MALFORMED'],
      [4, 'MALFORMED'],
    ])
    const seen = new Map([[ann, { account: { balance: 10n, version: 1, seq: 9 } }]])
    expect(foldBatch(seen, records.slice(0, 2)).letters).toEqual([])
  })

  it('names a parked customer once, and goes on with the others', () => {
    const records = [
      recorded(1, 'ann', { schema: 2 }),
      recorded(2, 'ann', { schema: 3 }),
      recorded(3, 'bob', { type: 'credit', amount: 1 }),
    ]
    const { parked, customers, letters } = foldBatch(unread(records), records)
    expect(parked).toEqual([{ id: ann, parked: { seq: 1, schema: 2, last_seq: 1 } }])
    expect(customers.get(ann)?.parked?.last_seq).toBe(2)
    expect(customers.get(bob)?.account.balance).toBe(1n)
    expect(letters).toEqual([])
  })

  it('reports an event that claims another result than the fold gives', () => {
    const records = [recorded(1, 'ann', { type: 'credit', amount: 1, after: { balance: 9, version: 1 } })]
    const { mismatches, customers } = foldBatch(unread(records), records)
    expect(mismatches).toHaveLength(1)
    expect(customers.get(ann)?.account.balance).toBe(1n)
  })

  it('does not touch the map that was read', () => {
    const records = [recorded(1, 'ann', { type: 'credit', amount: 1 })]
    const read = unread(records)
    foldBatch(read, records)
    expect(read.get(ann)).toBe(NEW_CUSTOMER)
  })
})
