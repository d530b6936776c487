/**
 * Generators of events for property tests.
 */

import fc from 'fast-check'
import { E } from '../../fp.js'
import type { EventPlace } from '../account.js'
import { Amount, INT64_MAX } from '../amount.js'
import { ClientId } from '../client-id.js'
import type { MoneyEvent } from '../event-body.js'

const must = <A>(decoded: E.Either<unknown, A>): A => {
  if (E.isLeft(decoded)) throw new Error('a generator made something that is not valid')
  return decoded.right
}

export const clientId = (text: string): ClientId => must(ClientId.decode(text))
export const amount = (n: bigint | number): Amount => must(Amount.decode(n))

/** The place of a message in a stream that gets one message each second. */
export const placeAt = (seq: number): EventPlace => ({ seq, at: new Date(seq * 1_000) })

/** Mostly small amounts, and now and then any amount up to the largest int64. */
const arbitraryAmount: fc.Arbitrary<Amount> = fc
  .oneof(
    { weight: 5, arbitrary: fc.bigInt({ min: 1n, max: 1_000n }) },
    { weight: 1, arbitrary: fc.bigInt({ min: 1n, max: INT64_MAX }) },
  )
  .map(amount)

export const arbitraryClientId: fc.Arbitrary<ClientId> = fc
  .stringMatching(/^[A-Za-z0-9][A-Za-z0-9_:@-]{0,63}$/)
  .map(clientId)

/** An event of a plain account. */
export const arbitraryEvent: fc.Arbitrary<MoneyEvent & { amount: Amount }> = fc.record(
  {
    type: fc.constantFrom('credit' as const, 'debit' as const, 'declined' as const),
    amount: arbitraryAmount,
    transaction_id: fc.stringMatching(/^[\x21-\x7e]{1,128}$/),
    reference: fc.string(),
    metadata: fc.dictionary(
      fc.string().filter(key => key !== '__proto__'),
      fc.string(),
    ),
    transfer: fc.record({ counterparty: arbitraryClientId }),
  },
  { requiredKeys: ['type', 'amount'] },
)

/**
 * Objects that a codec nearly accepts: each of `fields` is present or absent, and holds one of its own `values` or, now
 * and then, any JSON value.
 */
export const almost = (
  fields: fc.Arbitrary<string>,
  values: Readonly<Record<string, readonly unknown[]>>,
): fc.Arbitrary<Record<string, unknown>> =>
  fc
    .uniqueArray(fields)
    .chain(names =>
      fc.record(
        Object.fromEntries(
          names.map(name => [
            name,
            fc.oneof(
              { weight: 9, arbitrary: fc.constantFrom(...(values[name] ?? ['text', { some: 'thing' }])) },
              { weight: 1, arbitrary: fc.jsonValue() },
            ),
          ]),
        ),
      ),
    )
