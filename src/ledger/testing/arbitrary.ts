/**
 * Generators of events for property tests.
 */

import fc from 'fast-check'
import { E } from '../../fp.js'
import { Amount, INT64_MAX } from '../amount.js'
import { ClientId } from '../client-id.js'
import type { LedgerEvent } from '../event.js'

const must = <A>(decoded: E.Either<unknown, A>): A => {
  if (E.isLeft(decoded)) throw new Error('a generator made something that is not valid')
  return decoded.right
}

export const clientId = (text: string): ClientId => must(ClientId.decode(text))
export const amount = (n: bigint | number): Amount => must(Amount.decode(n))

/** Small amounts, and now and then one at int64's edge. */
const arbitraryAmount: fc.Arbitrary<Amount> = fc
  .oneof(
    { weight: 5, arbitrary: fc.bigInt({ min: 1n, max: 1_000n }) },
    { weight: 1, arbitrary: fc.bigInt({ min: 1n, max: INT64_MAX }) },
  )
  .map(amount)

export const arbitraryClientId: fc.Arbitrary<ClientId> = fc
  .stringMatching(/^[A-Za-z0-9][A-Za-z0-9_:@-]{0,63}$/)
  .map(clientId)

export const arbitraryEvent: fc.Arbitrary<LedgerEvent> = fc.record(
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
 * Objects that are nearly what a codec takes: each of `fields` may be there or not, with one of its own `values` or with
 * anything that JSON can hold.
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
