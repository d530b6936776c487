import { describe, expect, it } from 'vitest'
import type { ClientId } from '../ledger/client-id.js'
import { type Customer, NEW_CUSTOMER } from '../ledger/fold.js'
import { clientId } from '../ledger/testing/arbitrary.js'
import type { Recorded } from '../stream/recorded.js'
import { PROJECTIONS } from './definitions/ledger.js'
import { createFold } from './fold-run.js'
import { createPending } from './pending.js'

const [ann, bob] = [clientId('ann'), clientId('bob')]

const recorded = (seq: number, token: string, body: unknown): Recorded => ({
  seq,
  subject: `customer.balance.${token}`,
  body: new TextEncoder().encode(JSON.stringify(body)),
  at: new Date(0),
})

const foldRun = (records: readonly Recorded[], read: ReadonlyMap<ClientId, Customer> = new Map()) => {
  const customers = new Map(read)
  const pending = createPending()
  const fold = createFold({ projection: PROJECTIONS.ledger, whole_transfers: true }, customers, pending)
  fold.run(records)
  return { customers, levels: pending.levels(), ...fold.findings() }
}

describe('folding a run of the stream', () => {
  it('gives each customer one state, however many events it has', () => {
    const records = [
      recorded(1, 'ann', { type: 'credit', amount: 10 }),
      recorded(2, 'bob', { type: 'credit', amount: 5 }),
      recorded(3, 'ann', { type: 'debit', amount: 4 }),
    ]
    const { customers } = foldRun(records)
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
    const { letters } = foldRun(records)
    expect(letters.map(({ event, verdict }) => [event.seq, verdict.reason])).toEqual([
      [2, 'INSUFFICIENT_FUNDS'],
      [3, 'MALFORMED'],
      [4, 'MALFORMED'],
    ])
    const seen = new Map([[ann, { account: { balance: 10n, version: 1, seq: 9 } }]])
    expect(foldRun(records.slice(0, 2), seen).letters).toEqual([])
  })

  it('names a parked customer once, and goes on with the others', () => {
    const records = [
      recorded(1, 'ann', { schema: 3 }),
      recorded(2, 'ann', { schema: 4 }),
      recorded(3, 'bob', { type: 'credit', amount: 1 }),
    ]
    const { parked, customers, letters } = foldRun(records)
    expect(parked).toEqual([{ id: ann, parked: { seq: 1, schema: 3, last_seq: 1 } }])
    expect(customers.get(ann)?.parked?.last_seq).toBe(2)
    expect(customers.get(bob)?.account.balance).toBe(1n)
    expect(letters).toEqual([])
  })

  it('reports an event that claims another result than the fold gives', () => {
    const records = [recorded(1, 'ann', { type: 'credit', amount: 1, after: { balance: 9, version: 1 } })]
    const { mismatches, customers } = foldRun(records)
    expect(mismatches).toHaveLength(1)
    expect(customers.get(ann)?.account.balance).toBe(1n)
  })

  it('writes a customer once, from what was read to what it becomes', () => {
    const records = [
      recorded(1, 'ann', { type: 'credit', amount: 1 }),
      recorded(2, 'ann', { type: 'credit', amount: 2 }),
    ]
    const { levels } = foldRun(records)
    expect(levels.map(level => level.map(({ heads }) => [...heads]))).toEqual([
      [[[ann, { from: NEW_CUSTOMER, to: { account: { balance: 3n, version: 2, seq: 2 } } }]]],
    ])
  })

  const transfer = (seq: number, more: object = {}) => [
    recorded(seq, 'ann', {
      type: 'debit',
      amount: 1,
      transaction_id: 't',
      transfer: { counterparty: 'bob' },
    }),
    recorded(seq + 1, 'bob', {
      type: 'credit',
      amount: 1,
      transaction_id: 't:credit',
      transfer: { counterparty: 'ann' },
      ...more,
    }),
  ]
  const rich = new Map([[ann, { account: { balance: 9n, version: 1, seq: 1 } }]])

  it('ties the two sides of a transfer together', () => {
    const { levels } = foldRun(transfer(2), rich)
    expect(levels.flat().map(({ heads }) => [...heads.keys()])).toEqual([[ann, bob]])
  })

  it.each([
    ['another id', { transaction_id: 'u:credit' }],
    ['another counterparty', { transfer: { counterparty: 'cat' } }],
    ['none', { transfer: undefined }],
  ])('ties nothing to a debit that the next event is no second side of: %s', (_, more) => {
    const { levels } = foldRun(transfer(2, more), rich)
    expect(levels.flat().map(({ heads }) => [...heads.keys()])).toEqual([[ann], [bob]])
  })
})
