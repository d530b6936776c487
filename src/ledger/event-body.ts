/**
 * The body of an event: its codec, and the codecs of the ids that it carries.
 */

import { t } from '../fp.js'
import { Amount, Balance } from './amount.js'
import { ClientId } from './client-id.js'
import { fieldsOf } from './codec.js'

const PRINTABLE = /^[\x21-\x7e]+$/

/** Whether `u` is 1 to `chars_max` characters of printable ASCII without blanks. */
export const isToken = (u: unknown, chars_max: number): u is string =>
  typeof u === 'string' && u.length <= chars_max && PRINTABLE.test(u)

/** The suffix that makes the id of a transfer's second event from its transaction id. */
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

/** Decodes the idempotency key. It is also sent as `Nats-Msg-Id`, so it may hold only characters that a header can carry. */
export const TransactionId = idOf(TRANSACTION_ID_CHARS_MAX)

/** Decodes the id in a stored event. It may carry the suffix of a second leg, so it may be longer than a caller's id. */
export const StoredTransactionId = idOf(STORED_ID_CHARS_MAX)

/** The request of a refused command and the reason of the refusal: a retry of the command gets the same answer. */
const Declined = fieldsOf({
  command: t.keyof({ credit: null, debit: null, transfer: null }),
  code: t.keyof({ INSUFFICIENT_FUNDS: null, BALANCE_LIMIT: null }),
  client_id: ClientId,
  balance: Balance,
})

/** The fields of all schemas together. A schema that does not have one of them ignores it, or refuses the event. */
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

/**
 * A credit, a debit, or the record of a refusal (`declined`). `after` is the result that the writer claims; it is never
 * trusted, only the fold counts.
 */
export type LedgerEvent = { -readonly [K in Needed]: Body[K] } & {
  -readonly [K in Exclude<keyof Body, Needed | 'schema'>]?: Body[K] | undefined
}
