/**
 * The synthetic customers of a new ledger: the same 1,000 opening credits on every machine, for ever.
 */

import { E, pipe, type t } from '../fp.js'
import { Amount } from '../ledger/amount.js'
import { ClientId } from '../ledger/client-id.js'
import type { LedgerEvent } from '../ledger/event.js'
import { randomFrom } from '../random.js'

export type Seeded = {
  readonly id: ClientId
  readonly event: LedgerEvent & { readonly transaction_id: string }
}

const CUSTOMERS = 1_000
const AMOUNT_MIN = 100
const AMOUNT_MAX = 9_999
const GENERATOR_SEED = 0x6a65746c

/** The constants above satisfy the codecs; a change that does not is a bug and throws at once. */
const must = <A>(codec: t.Type<A, unknown, unknown>, value: unknown): A =>
  pipe(
    codec.decode(value),
    E.getOrElse((): A => {
      throw new Error(`${String(value)} is no ${codec.name}`)
    }),
  )

/** Credits of 100 to 9,999 for the clients "1" to "1000", in that order, with fixed transaction ids and this reference. */
export const seedEvents = (reference: string | undefined): Seeded[] => {
  const random = randomFrom(GENERATOR_SEED)
  return Array.from({ length: CUSTOMERS }, (_, index) => ({
    id: must(ClientId, String(index + 1)),
    event: {
      type: 'credit',
      amount: must(Amount, AMOUNT_MIN + Math.floor(random() * (AMOUNT_MAX - AMOUNT_MIN + 1))),
      transaction_id: `seed:${index + 1}`,
      ...(reference === undefined ? {} : { reference }),
    },
  }))
}
