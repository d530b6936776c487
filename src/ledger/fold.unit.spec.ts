import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { INT64_MAX } from './amount.js'
import type { Decoded, LedgerEvent } from './event.js'
import { type Customer, NEW_CUSTOMER, type Step, step } from './fold.js'
import { amount, arbitraryEvent, placeAt } from './testing/arbitrary.js'
import { decodePlain, encodePlain } from './testing/plain.js'

const event = (e: LedgerEvent): Decoded => ({ tag: 'event', event: e })
const credit = (n: number | bigint): Decoded => event({ type: 'credit', amount: amount(n) })
const debit = (n: number | bigint): Decoded => event({ type: 'debit', amount: amount(n) })
const MALFORMED: Decoded = { tag: 'malformed', reason: 'not JSON' }
const FUTURE: Decoded = { tag: 'future', schema: 2 }

const next = (customer: Customer, result: Step): Customer =>
  result.tag === 'applied' || result.tag === 'parked' ? result.customer : customer

/** Folds the given messages at the sequences 1, 2, ... */
const fold = (arrived: readonly Decoded[], from: Customer = NEW_CUSTOMER): Customer =>
  arrived.reduce((customer, decoded, i) => next(customer, step(customer, placeAt(i + 1), decoded)), from)

const arbitraryArrival = fc.oneof(
  { weight: 10, arbitrary: arbitraryEvent.map(event) },
  { weight: 1, arbitrary: fc.constant(MALFORMED) },
)

describe('the fold', () => {
  it('adds credits and subtracts debits', () => {
    expect(fold([credit(100), debit(40)]).account).toEqual({ balance: 60n, version: 2, seq: 2 })
  })

  it('never lets a balance fall below zero or leave int64, whatever arrives', () => {
    fc.assert(
      fc.property(fc.array(arbitraryArrival), arrived => {
        let customer = NEW_CUSTOMER
        arrived.forEach((decoded, i) => {
          customer = next(customer, step(customer, placeAt(i + 1), decoded))
          expect(customer.account.balance).toBeGreaterThanOrEqual(0n)
          expect(customer.account.balance).toBeLessThanOrEqual(INT64_MAX)
        })
      }),
    )
  })

  it('agrees with a plain sum over the events that it accepts, and counts them', () => {
    fc.assert(
      fc.property(fc.array(arbitraryEvent), events => {
        let [customer, sum, version] = [NEW_CUSTOMER, 0n, 0]
        events.forEach((e, i) => {
          const result = step(customer, placeAt(i + 1), event(e))
          customer = next(customer, result)
          if (result.tag !== 'applied' || e.type === 'declined') return
          sum += e.type === 'credit' ? e.amount : -e.amount
          version += 1
        })
        expect(customer.account).toMatchObject({ balance: sum, version })
      }),
    )
  })

  it('has the same result when everything is delivered again, from any point', () => {
    fc.assert(
      fc.property(fc.array(arbitraryArrival), fc.nat(), (arrived, n) => {
        const once = fold(arrived)
        let again = once
        arrived.slice(n % (arrived.length + 1)).forEach((decoded, i) => {
          again = next(again, step(again, placeAt((n % (arrived.length + 1)) + i + 1), decoded))
        })
        expect(again.account).toEqual(once.account)
      }),
    )
  })

  it('rejects a debit that would overdraw, and applies what comes after it', () => {
    const customer = fold([credit(10)])
    expect(step(customer, placeAt(2), debit(11))).toMatchObject({ tag: 'dead', reason: 'INSUFFICIENT_FUNDS' })
    expect(step(customer, placeAt(3), debit(10))).toMatchObject({ tag: 'applied' })
  })

  it('rejects a credit that would leave int64', () => {
    const customer = fold([credit(INT64_MAX)])
    expect(step(customer, placeAt(2), credit(1))).toMatchObject({ tag: 'dead', reason: 'BALANCE_LIMIT' })
    expect(step(customer, placeAt(3), debit(INT64_MAX))).toMatchObject({ tag: 'applied' })
  })

  it('changes nothing for a declined command but remembers that it was seen', () => {
    const declined = event({ type: 'declined', amount: amount(5) })
    expect(fold([credit(10), declined]).account).toEqual({ balance: 10n, version: 1, seq: 2 })
  })

  it('gives a dead letter for what is malformed', () => {
    expect(step(NEW_CUSTOMER, placeAt(1), MALFORMED)).toEqual({
      tag: 'dead',
      reason: 'MALFORMED',
      detail: 'not JSON',
    })
  })

  it('believes no forged "after": it counts its own result and says that they differ', () => {
    const forged = (after: unknown): Decoded => event({ type: 'credit', amount: amount(1), after })
    const result = step(NEW_CUSTOMER, placeAt(1), forged({ balance: 1_000_000, version: 1 }))
    expect(result).toMatchObject({ tag: 'applied', mismatch: true, customer: { account: { balance: 1n } } })
    expect(step(NEW_CUSTOMER, placeAt(1), forged('rubbish'))).toMatchObject({
      tag: 'applied',
      mismatch: true,
    })
    expect(step(NEW_CUSTOMER, placeAt(1), forged({ balance: 1, version: 1 }))).toMatchObject({
      tag: 'applied',
      mismatch: false,
    })
  })

  it('parks a customer at a schema from the future and leaves out all that follows', () => {
    const customer = fold([credit(10), FUTURE, credit(5), MALFORMED])
    expect(customer).toEqual({
      account: { balance: 10n, version: 1, seq: 1 },
      parked: { seq: 2, schema: 2, last_seq: 4 },
    })
    expect(step(customer, placeAt(4), MALFORMED)).toEqual({ tag: 'seen' })
  })

  it('folds what it wrote itself without a mismatch', () => {
    const body = encodePlain({
      type: 'credit',
      amount: amount(INT64_MAX),
      after: { balance: INT64_MAX, version: 1 },
    })
    const result = step(NEW_CUSTOMER, placeAt(1), decodePlain(new TextEncoder().encode(body)))
    expect(result).toMatchObject({ tag: 'applied', mismatch: false })
  })
})
