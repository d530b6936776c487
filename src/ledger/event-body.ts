/**
 * The body of an event: its codec, and the codecs of the ids that it carries.
 */

import { t } from '../fp.js'
import type { RejectionCode } from './account.js'
import type { AccountId } from './account-id.js'
import { Amount, Balance } from './amount.js'
import { ClientId } from './client-id.js'
import { fieldsOf } from './codec.js'
import type { RestrictedState } from './rules.js'

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

/** What stands between the id of a transaction and the number of its reversal in the reversal's own id. */
export const REVERSAL_INFIX = ':reversal:'
/** The largest number of a reversal: all of one transaction are looked at before the next one is decided. */
export const REVERSALS_MAX = 1_000
/** The longest id of schema 2: that of the second event of a transfer's last reversal. */
export const LONGEST_ID_CHARS_MAX =
  TRANSACTION_ID_CHARS_MAX + REVERSAL_INFIX.length + String(REVERSALS_MAX).length + SECOND_LEG.length

/** Decodes the idempotency key. It is also sent as `Nats-Msg-Id`, so it may hold only characters that a header can carry. */
export const TransactionId = idOf(TRANSACTION_ID_CHARS_MAX)

/** Decodes the id in a stored event. It may carry the suffix of a second leg, so it may be longer than a caller's id. */
export const StoredTransactionId = idOf(STORED_ID_CHARS_MAX)

/** Decodes the id in an event of schema 2, which may be that of a reversal. */
export const LongestTransactionId = idOf(LONGEST_ID_CHARS_MAX)

/** The request of a refused command and the reason of the refusal: a retry of the command gets the same answer. */
const Declined = fieldsOf({
  command: t.keyof({ credit: null, debit: null, transfer: null }),
  code: t.keyof({ INSUFFICIENT_FUNDS: null, BALANCE_LIMIT: null }),
  client_id: ClientId,
  balance: Balance,
})

/** The fields of schema 1. */
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

/** Every state of an account. */
export type StateOfAccount = 'active' | RestrictedState

export const COMMAND_TYPES = [
  'credit',
  'debit',
  'transfer',
  'hold',
  'capture',
  'release',
  'limit',
  'restrict',
  'reverse',
] as const
type CommandType = (typeof COMMAND_TYPES)[number]

/** The record of a refusal in an event. Schema 2 has more commands and codes than schema 1, and their details. */
export type DeclinedRecord = {
  readonly command: CommandType
  readonly code: RejectionCode
  /** The account that refused it. */
  readonly client_id: AccountId
  readonly balance: bigint
  readonly available?: bigint | undefined
  readonly held?: bigint | undefined
  readonly remaining?: bigint | undefined
  readonly state?: RestrictedState | undefined
  readonly reason?: string | undefined
}

/** The fields that any event may have. */
type Common = {
  -readonly [K in Exclude<keyof Body, 'type' | 'amount' | 'schema' | 'transfer' | 'declined'>]?:
    | Body[K]
    | undefined
} & {
  /** The account on the other side. In schema 2 it may be one of an asset. */
  transfer?: { counterparty: AccountId } | undefined
  /** The time at which the command side decided it, in milliseconds since 1970 (schema 2). */
  at_ms?: number | undefined
  /** The id of the transaction that it takes back (schema 2). */
  reverses?: string | undefined
  /** The caller's own id of the reversal, by which a retry is known (schema 2). */
  reversal_id?: string | undefined
}

export type Credit = Common & { type: 'credit'; amount: Amount }
/** A debit; with `hold`, a capture of that hold. `final` gives back the rest of the hold; true unless stated. */
export type Debit = Common & {
  type: 'debit'
  amount: Amount
  hold?: string | undefined
  final?: boolean | undefined
}
export type HoldMade = Common & { type: 'hold'; amount: Amount; transaction_id: string; expires_ms: number }
/** Gives a hold back, or `amount` of it; with `expired`, the sweeper's record that the hold has expired. */
export type Release = Common & {
  type: 'release'
  hold: string
  amount?: Amount | undefined
  expired?: true | undefined
}
type LimitSet = Common & { type: 'limit'; limit: bigint; amount?: undefined }
export type StateSet = Common & {
  type: 'state'
  state: StateOfAccount
  reason: string
  until_ms?: number | undefined
  amount?: undefined
}
/** The record of a refusal, with the fields that the command brought. */
export type Declination = Common & {
  type: 'declined'
  amount?: Amount | undefined
  declined?: DeclinedRecord | undefined
  hold?: string | undefined
  final?: boolean | undefined
  expires_ms?: number | undefined
  limit?: bigint | undefined
  state?: StateOfAccount | undefined
  reason?: string | undefined
  until_ms?: number | undefined
}

/**
 * What an event says (docs/adr/0051). `after` is the result that the writer claims; it is never trusted, only the fold
 * counts.
 */
export type LedgerEvent = Credit | Debit | Declination | HoldMade | Release | LimitSet | StateSet

/** An event that moves money, or the record of a refusal: the only ones of schema 1. */
export type MoneyEvent = Credit | Debit | Declination
