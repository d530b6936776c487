import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { AccountId } from '../ledger/account-id.js'
import { type Customer, NEW_CUSTOMER } from '../ledger/fold.js'
import { clientId } from '../ledger/testing/arbitrary.js'
import { BYTES_MAX, createPending, type EventEffect, ITEMS_MAX, type Part } from './pending.js'
import { pack, transactionOf } from './transactions.js'

/** An event of one customer, or a transfer between two customers, with a row or without. */
type Event = { readonly customers: readonly number[]; readonly rows: boolean; readonly bytes: number }

const at = (seq: number): Customer => ({ account: { balance: BigInt(seq), version: seq, seq } })

/** Adds the events to a pending, as a fold would. Returns it with each customer's last state. */
const gather = (events: readonly Event[]) => {
  const pending = createPending()
  const now = new Map<AccountId, Customer>()
  events.forEach(({ customers, rows, bytes }, index) => {
    const effects = [...new Set(customers)].map((customer, leg): EventEffect => {
      const seq = 2 * index + leg + 1
      const id = clientId(`c${customer}`)
      const from = now.get(id) ?? NEW_CUSTOMER
      now.set(id, at(seq))
      const insert = { id: `row-${seq}`, instead_id: `seq:${seq}`, seq, attributes: {} }
      return {
        id,
        from,
        to: at(seq),
        inserts: rows ? [insert] : [],
        additions: rows ? [['all', { events: 1n }]] : [],
        bytes,
      }
    })
    pending.add(effects)
  })
  return { levels: pending.levels(), now }
}

const sizeOf = ({ heads, inserts, additions }: Part): number => heads.size + inserts.length + additions.size

const runs = fc.array(
  fc.record({
    customers: fc.array(fc.nat(12), { minLength: 1, maxLength: 2 }),
    rows: fc.boolean(),
    bytes: fc.constantFrom(0, 1_000, BYTES_MAX / 3),
  }),
  { maxLength: 400 },
)

describe('what a run is going to write', () => {
  it('moves every customer from where it was read to where the run leaves it, a level after the other', () => {
    fc.assert(
      fc.property(runs, events => {
        const { levels, now } = gather(events)
        const written = new Map<AccountId, Customer>()
        for (const level of levels) {
          const seen = new Set<AccountId>()
          for (const { heads } of pack(level)) {
            for (const [id, { from, to }] of heads) {
              expect(seen.has(id)).toBe(false)
              seen.add(id)
              expect(from).toEqual(written.get(id) ?? NEW_CUSTOMER)
              written.set(id, to)
            }
          }
        }
        expect(written).toEqual(now)
      }),
    )
  })

  it('fits into transactions, with every row once and every sum whole', () => {
    fc.assert(
      fc.property(runs, events => {
        const parts = gather(events).levels.flatMap(pack)
        for (const part of parts) {
          expect(sizeOf(part)).toBeLessThanOrEqual(ITEMS_MAX)
          expect(part.bytes).toBeLessThanOrEqual(BYTES_MAX)
        }
        const rows = parts.flatMap(({ inserts }) => inserts.map(({ id }) => id))
        expect(new Set(rows).size).toBe(rows.length)
        const sum = parts.reduce((n, { additions }) => n + (additions.get('all')?.events ?? 0n), 0n)
        expect(sum).toBe(BigInt(rows.length))
        const expected = events
          .filter(({ rows: has }) => has)
          .reduce((n, { customers }) => n + new Set(customers).size, 0)
        expect(rows).toHaveLength(expected)
      }),
    )
  })

  it('keeps the effects of one event in one part', () => {
    fc.assert(
      fc.property(runs, events => {
        const parts = gather(events.map(event => ({ ...event, rows: true }))).levels.flat()
        const partOf = new Map(parts.flatMap(part => part.inserts.map(({ seq }) => [seq, part] as const)))
        events.forEach(({ customers }, index) => {
          if (new Set(customers).size < 2) return
          expect(partOf.get(2 * index + 1)).toBe(partOf.get(2 * index + 2))
        })
      }),
    )
  })

  it('writes a busy customer once when there is nothing but its head to write', () => {
    const { levels } = gather(
      Array.from({ length: 1_000 }, () => ({ customers: [1], rows: false, bytes: 0 })),
    )
    expect(levels.flat()).toHaveLength(1)
  })

  it('packs a thousand customers into ten transactions', () => {
    const { levels } = gather(
      Array.from({ length: 1_000 }, (_, i) => ({ customers: [i], rows: false, bytes: 0 })),
    )
    expect(levels).toHaveLength(1)
    expect(pack(levels.flat())).toHaveLength(10)
  })

  it('has no item for a sum that nothing is added to', () => {
    const pending = createPending()
    const effect = { from: NEW_CUSTOMER, inserts: [], bytes: 0 }
    pending.add([{ ...effect, id: clientId('c1'), to: at(1), additions: [['all', {}]] }])
    const [part] = pending.levels().flat()
    expect(part?.additions.size).toBe(0)
  })

  it('keeps the sums of two lanes apart', () => {
    const [part] = gather([{ customers: [1], rows: true, bytes: 0 }]).levels.flat()
    if (part === undefined) throw new Error('no part')
    expect([...transactionOf(part, 2).additions.keys()]).toEqual(['all:2'])
  })
})
