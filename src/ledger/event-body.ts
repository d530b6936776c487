/**
 * What an event is: its codec, and the ids that it carries.
 */

import { t } from '../fp.js'
import { Amount, Balance } from './amount.js'
import { ClientId } from './client-id.js'
import { fieldsOf } from './codec.js'

const PRINTABLE = /^[\x21-\x7e]+$/

/** Printable ASCII without blanks, 1 to `chars_max` characters. */
export const isToken = (u: unknown, chars_max: number): u is string =>
  typeof u === 'string' && u.length <= chars_max && PRINTABLE.test(u)

/** What follows the transaction id in the id of a transfer's second event. */
export const SECOND_LEG = ':credit'

const idOf = (chars_max: number) =>
  new t.Type<string, string, unknown>(
    'TransactionId',
    t.string.is,
    (u, context) =>
      isToken(u, chars_max)
        ? t.success(u)
        : t.failure(u, context, `must be 1 to ${chars_max} printable ASCII characters without blanks`),
    String,
  )

export const TRANSACTION_ID_CHARS_MAX = 128
export const STORED_ID_CHARS_MAX = TRANSACTION_ID_CHARS_MAX + SECOND_LEG.length

/** The idempotency key: also sent as `Nats-Msg-Id`, so it keeps to what a header can carry. */
export const TransactionId = idOf(TRANSACTION_ID_CHARS_MAX)

/** In an event it may be a second leg's: a transfer with the longest id has to be whole. */
const StoredTransactionId = idOf(STORED_ID_CHARS_MAX)

/** What a refused command asked for and why it was refused: the answer that a retry of it gets again. */
const Declined = fieldsOf({
  command: t.keyof({ credit: null, debit: null, transfer: null }),
  code: t.keyof({ INSUFFICIENT_FUNDS: null, BALANCE_LIMIT: null }),
  client_id: ClientId,
  balance: Balance,
})

/** The fields of every schema; those that a schema lacks are left out by it, or refused. */
export const EventBody = fieldsOf(
  { type: t.keyof({ credit: null, debit: null, declined: null }), amount: Amount },
  {
    schema: t.number,
    transaction_id: StoredTransactionId,
    reference: t.string,
    metadata: t.UnknownRecord,
    transfer: fieldsOf({ counterparty: ClientId }),
    declined: Declined,
    after: t.unknown,
  },
)

type Body = t.TypeOf<typeof EventBody>
type Needed = 'type' | 'amount'

/** One balance mutation. `after` is what its writer claims; nobody believes it (the fold is the law). */
export type LedgerEvent = { -readonly [K in Needed]: Body[K] } & {
  -readonly [K in Exclude<keyof Body, Needed | 'schema'>]?: Body[K] | undefined
}
