/**
 * The command that takes a transaction back, and the reversal that it becomes once the transaction is known
 * (docs/adr/0053-reversals.md).
 */

import { E, type Either, type t } from '../fp.js'
import type { JsonObject } from '../json.js'
import type { AccountId } from './account-id.js'
import { Amount, toJson } from './amount.js'
import { describeErrors, exactFieldsOf } from './codec.js'
import { OPTIONAL } from './command-fields.js'
import { REVERSAL_INFIX, TransactionId } from './event-body.js'

type Content = {
  readonly reference?: string | undefined
  readonly metadata?: Record<string, unknown> | undefined
  readonly by?: string | undefined
}

/** What a caller asks for: all that is left of a transaction, or an amount of it. */
export type ReverseRequest = Content & {
  readonly type: 'reverse'
  /** The idempotency key: the caller's own id of the reversal. It counts for this transaction only. */
  readonly transaction_id: string
  /** The transaction that is taken back. */
  readonly reverses: string
  readonly amount?: Amount | undefined
}

/** A reversal that can be decided. Its id is one of the transaction's reversals, in their order. */
export type Reversal = Content & {
  readonly type: 'reversal'
  readonly transaction_id: string
  readonly reverses: string
  readonly reversal_id: string
  /** What the first event is: it takes the money of a credit back, or gives that of a debit back. */
  readonly direction: 'credit' | 'debit'
  readonly client_id: AccountId
  /** The customer who gave the money of a transfer, and gets it back: then the first event is a debit. */
  readonly to?: AccountId | undefined
  readonly amount: Amount
  /** Less than `amount` is left of the transaction: it is refused, and the refusal is recorded like any other. */
  readonly remaining?: bigint | undefined
}

/** The id of the reversal of a transaction that has the number `number`, from 1 on. */
export const idOfReversal = (transaction_id: string, number: number): string =>
  `${transaction_id}${REVERSAL_INFIX}${number}`

const { reference, metadata } = OPTIONAL
const Body = exactFieldsOf(
  { transaction_id: TransactionId },
  { amount: Amount, reversal_id: TransactionId, reference, metadata },
)

/**
 * Decodes the fields of a request; one without a `reversal_id` gets `fresh_id`. Left names every wrong field, and every
 * field that the request does not have.
 */
export const decodeReverseRequest = (
  fields: JsonObject,
  fresh_id: string,
  by?: string,
): Either<string, ReverseRequest> => {
  const decoded: Either<t.Errors, t.TypeOf<typeof Body>> = Body.decode(fields)
  if (E.isLeft(decoded)) return E.left(describeErrors(decoded.left))
  const { transaction_id: reverses, reversal_id, ...content } = decoded.right
  return E.right({ type: 'reverse', transaction_id: reversal_id ?? fresh_id, reverses, ...content, by })
}

/** A request as the fields that decode to it. */
export const reverseRequestFields = ({
  transaction_id: reversal_id,
  reverses: transaction_id,
  amount,
  ...content
}: ReverseRequest): JsonObject => ({
  transaction_id,
  reversal_id,
  ...(amount === undefined ? {} : { amount: toJson(amount) }),
  ...(content.reference === undefined ? {} : { reference: content.reference }),
  ...(content.metadata === undefined ? {} : { metadata: content.metadata }),
})
