import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { AccountId } from '../../ledger/account-id.js'
import type { Customer } from '../../ledger/fold.js'
import { clientId } from '../../ledger/testing/arbitrary.js'
import type { Recorded } from '../../stream/recorded.js'
import { PROJECTIONS } from '../definitions/ledger.js'
import { createFold } from '../fold-run.js'
import { createPending, ITEMS_MAX, type Part } from '../pending.js'
import { createFoldGatherer } from './fold-gatherer.js'

const record = (seq: number, subject: string, text: string): Recorded => ({
  seq,
  subject,
  body: new TextEncoder().encode(text),
  at: new Date(0),
})

const BODIES = [
  ...['{"type":"credit","amount":10}', '{"schema":1,"type":"credit","amount":10,"transaction_id":"t"}'],
  ...['{"type":"debit","amount":7}', '{"type":"debit","amount":"7", "metadata":{}}'],
  ...['{"type":"declined","amount":1}', '{"type":"credit","amount":1,"after":{"balance":1,"version":1}}'],
  ...['{"type":"credit"}', 'rubbish', '{"schema":3}'],
]
const USUAL = BODIES.slice(0, 4)

/** Records on a few subjects; two of the subjects have no valid customer id. */
const arbitraryRecords = fc
  .array(
    fc.tuple(
      fc.constantFrom('a', 'b', 'c', 'c.d', '*'),
      fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...USUAL) }, fc.constantFrom(...BODIES)),
      fc.boolean(),
    ),
  )
  .map(all => {
    let seq = 0
    return all.map(([id, body, again]) => {
      if (!again) seq += 1
      return record(Math.max(seq, 1), `customer.balance.${id}`, body)
    })
  })

type Heads = Map<AccountId, { readonly from: Customer; readonly to: Customer }>

const headsOf = (levels: readonly (readonly Part[])[]): Heads => {
  const heads = levels.flat().flatMap(part => [...part.heads])
  const by_id = new Map(heads)
  // two transactions must not write the same customer's head at the same time
  expect(by_id.size).toBe(heads.length)
  return by_id
}

/** The heads and the parked customers from the fold of the projector. */
const plainly = (records: readonly Recorded[], customers: Map<AccountId, Customer>) => {
  const pending = createPending()
  const fold = createFold({ projection: PROJECTIONS.ledger, whole_transfers: false }, customers, pending)
  fold.run(records)
  return { heads: headsOf(pending.levels()), parked: fold.findings().parked }
}

const empty = () => ({
  customers: new Map<AccountId, Customer>(),
  sums: new Map(),
  rows: 0,
  unwritten_rows: 0,
})

describe('gathering', () => {
  it('is the fold of the projector, checkpoint for checkpoint', () => {
    fc.assert(
      fc.property(fc.array(arbitraryRecords, { maxLength: 4 }), runs => {
        const expected = empty()
        const gatherer = createFoldGatherer({ projection: PROJECTIONS.ledger }, expected)
        const customers = new Map<AccountId, Customer>()
        let after = 0
        for (const run of runs) {
          const records = run.map(one => ({ ...one, seq: one.seq + after }))
          const plain = plainly(records, customers)
          gatherer.run(records.slice(0, 3))
          gatherer.run(records.slice(3))
          const { levels, parked } = gatherer.take()
          expect(headsOf(levels)).toEqual(plain.heads)
          expect(parked).toEqual(plain.parked)
          expect(expected.customers).toEqual(customers)
          // what is delivered again has no effect, and nothing is written for it
          after = (records.at(-1)?.seq ?? after + 1) - 1
        }
      }),
    )
  })

  it('goes on from what the table holds', () => {
    const expected = empty()
    const held: Customer = { account: { balance: 5n, version: 1, seq: 3 } }
    expected.customers.set(clientId('a'), held)
    const gatherer = createFoldGatherer({ projection: PROJECTIONS.ledger }, expected)
    gatherer.run([record(3, 'customer.balance.a', '{"type":"credit","amount":5}')])
    expect(headsOf(gatherer.take().levels).size).toBe(0)
    gatherer.run([record(4, 'customer.balance.a', '{"type":"credit","amount":5}')])
    const to: Customer = { account: { balance: 10n, version: 2, seq: 4 } }
    expect([...headsOf(gatherer.take().levels)]).toEqual([['a', { from: held, to }]])
  })

  it('writes a customer once, and no more than a transaction takes at a time', () => {
    const gatherer = createFoldGatherer({ projection: PROJECTIONS.ledger }, empty())
    const customers = 2 * ITEMS_MAX + 1
    for (let checkpoint = 1; checkpoint <= 2; checkpoint += 1) {
      const first = (checkpoint - 1) * 2 * customers + 1
      for (let seq = first; seq < first + 2 * customers; seq += 1)
        gatherer.run([record(seq, `customer.balance.c${seq % customers}`, '{"type":"credit","amount":1}')])
      const parts = gatherer.take().levels.flat()
      expect(headsOf([parts]).size).toBe(customers)
      for (const { heads, inserts, additions } of parts)
        expect(heads.size + inserts.length + additions.size).toBeLessThanOrEqual(ITEMS_MAX)
      for (const { from, to } of headsOf([parts]).values()) {
        expect(from.account.version).toBe(2 * checkpoint - 2)
        expect(to.account.version).toBe(2 * checkpoint)
      }
    }
    expect(gatherer.take().levels.flat()).toEqual([])
  })
})
