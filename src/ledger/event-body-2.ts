/**
 * The bodies of schema 2: the codecs of each type of event (docs/adr/0051-accounts.md).
 *
 * Schema 2 is read strictly (schema.ts): what is not known here was written by a later program. Times are RFC 3339 in UTC
 * to the millisecond, and nothing else, so that a time has one form only.
 */

import { E, type Either, t } from '../fp.js'
import type { JsonObject } from '../json.js'
import { REJECTION_CODES } from './account.js'
import { AccountId } from './account-id.js'
import { Amount, Balance, INT64_MAX, toJson } from './amount.js'
import { describeErrors, fieldsOf } from './codec.js'
import {
  COMMAND_TYPES,
  type LedgerEvent,
  LongestTransactionId,
  type StateOfAccount,
  StoredTransactionId,
  TransactionId,
} from './event-body.js'
import { RESTRICTED_STATES } from './rules.js'

const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/
const TIME_RULE = 'must be a time such as 2026-11-27T10:00:00.000Z (UTC, with milliseconds), from 1970 on'

/** The milliseconds since 1970 of a time in the one form that events have; undefined for any other text. */
const readTime = (text: string): number | undefined => {
  const ms = TIME.test(text) ? Date.parse(text) : Number.NaN
  // Date turns 31 February into 3 March
  return ms >= 0 && new Date(ms).toISOString() === text ? ms : undefined
}

/** Decodes a time of an event into milliseconds since 1970. */
export const Time = new t.Type<number, string, unknown>(
  'Time',
  t.number.is,
  (u, context) => {
    const ms = typeof u === 'string' ? readTime(u) : undefined
    return ms === undefined ? t.failure(u, context, TIME_RULE) : t.success(ms)
  },
  ms => new Date(ms).toISOString(),
)

/** Decodes a credit limit: from 0 to 2^63-1. */
export const Limit = new t.Type<bigint, number | string, unknown>(
  'Limit',
  Balance.is,
  (u, context) => {
    const limit = Balance.validate(u, context)
    if (E.isRight(limit) && limit.right >= 0n) return limit
    return t.failure(u, context, `must be a whole number from 0 to ${INT64_MAX}`)
  },
  toJson,
)

const REASON_CHARS_MAX = 256

/** Decodes the reason of a restriction. */
export const Reason = new t.Type<string, string, unknown>(
  'Reason',
  t.string.is,
  (u, context) =>
    typeof u === 'string' && u !== '' && u.length <= REASON_CHARS_MAX
      ? t.success(u)
      : t.failure(u, context, `must be a text of 1 to ${REASON_CHARS_MAX} characters`),
  String,
)

export const ACCOUNT_STATES: readonly StateOfAccount[] = ['active', ...RESTRICTED_STATES]

/** Decodes one of some texts. */
export class OneOf<A extends string> extends t.Type<A, string, unknown> {
  readonly texts: readonly A[]

  constructor(texts: readonly A[]) {
    super(
      texts.join(' or '),
      (u): u is A => texts.some(text => text === u),
      (u, context) => {
        const found = texts.find(text => text === u)
        return found === undefined
          ? t.failure(u, context, `must be one of ${texts.join(', ')}`)
          : t.success(found)
      },
      String,
    )
    this.texts = texts
  }
}

/** Decodes a state of an account. */
export const State = new OneOf(ACCOUNT_STATES)
const Restricted = new OneOf(RESTRICTED_STATES)

const COMMON = {
  transaction_id: LongestTransactionId,
  reference: t.string,
  metadata: t.UnknownRecord,
  transfer: fieldsOf({ counterparty: AccountId }),
  after: t.unknown,
  at: Time,
  reverses: StoredTransactionId,
  reversal_id: TransactionId,
}

const Declined = fieldsOf(
  {
    command: new OneOf(COMMAND_TYPES),
    code: new OneOf(REJECTION_CODES),
    client_id: AccountId,
    balance: Balance,
  },
  { available: Balance, held: Balance, remaining: Amount, state: Restricted, reason: Reason },
)

// the first programs of schema 2 took a record of a refusal in every event
const credit = fieldsOf({ amount: Amount }, { ...COMMON, declined: Declined })
const debit = fieldsOf(
  { amount: Amount },
  { ...COMMON, declined: Declined, hold: TransactionId, final: t.boolean },
)
const hold = fieldsOf(
  { amount: Amount, transaction_id: TransactionId, expires_at: Time },
  { ...COMMON, transaction_id: TransactionId },
)
const release = fieldsOf({ hold: TransactionId }, { ...COMMON, amount: Amount, expired: t.literal(true) })
const limit = fieldsOf({ limit: Limit }, COMMON)
const state = fieldsOf({ state: State, reason: Reason }, { ...COMMON, until: Time })
const declined = fieldsOf(
  {},
  {
    ...COMMON,
    amount: Amount,
    declined: Declined,
    hold: TransactionId,
    final: t.boolean,
    expires_at: Time,
    limit: Limit,
    state: State,
    reason: Reason,
    until: Time,
  },
)
/** The codecs of the fields that each type of event has beside `schema` and `type`. */
export const CODECS = { credit, debit, hold, release, limit, state, declined } as const
type Type = keyof typeof CODECS

/** The known fields of each type of event, for the strict reading. */
const COMMON_NAMES = ['schema', 'type', ...Object.keys(COMMON)]
export const FIELDS_2: Readonly<Record<Type, readonly string[]>> = {
  credit: [...COMMON_NAMES, 'amount', 'declined'],
  debit: [...COMMON_NAMES, 'amount', 'declined', 'hold', 'final'],
  hold: [...COMMON_NAMES, 'amount', 'expires_at'],
  release: [...COMMON_NAMES, 'hold', 'amount', 'expired'],
  limit: [...COMMON_NAMES, 'limit'],
  state: [...COMMON_NAMES, 'state', 'reason', 'until'],
  declined: [
    ...COMMON_NAMES,
    ...['amount', 'declined', 'hold', 'final', 'expires_at', 'limit', 'state', 'reason', 'until'],
  ],
}
export const DECLINED_FIELDS_2 = [
  ...['command', 'code', 'client_id', 'balance', 'available', 'held', 'remaining', 'state', 'reason'],
]

/** Rules between the fields of an event; undefined when they hold. */
const conflictOf = (type: Type, body: JsonObject): string | undefined => {
  if (type === 'debit' && body.final !== undefined && body.hold === undefined)
    return 'final: is for a debit with a hold'
  if (type === 'release' && body.expired !== undefined && body.amount !== undefined)
    return 'amount: a hold expires as a whole'
  if (type === 'state' && body.state === 'active' && body.until !== undefined)
    return 'until: is for a restriction'
  // the first programs of schema 2 refused each one without an amount
  const { amount, hold: asked, limit: set, state: wanted, reverses } = body
  if (type === 'declined' && [amount, asked, set, wanted, reverses].every(field => field === undefined))
    return 'amount: is missing'
  return undefined
}

const isType = (u: unknown): u is Type => typeof u === 'string' && Object.hasOwn(CODECS, u)

/** Makes the times of a decoded body numbers under names of their own, since everything inside counts milliseconds. */
const withTimes = (type: Type, fields: JsonObject): LedgerEvent => {
  const { at, expires_at, until, ...others } = fields
  return {
    type,
    ...others,
    ...(at === undefined ? {} : { at_ms: at }),
    ...(expires_at === undefined ? {} : { expires_ms: expires_at }),
    ...(until === undefined ? {} : { until_ms: until }),
  } as unknown as LedgerEvent
}

/** Decodes the body of an event of schema 2 whose fields are all known; left names the wrong ones. */
export const decodeFields2 = (body: JsonObject): Either<string, LedgerEvent> => {
  const { type } = body
  if (!isType(type)) return E.left(`type: must be one of ${Object.keys(CODECS).join(', ')}`)
  const decoded: Either<t.Errors, object> = CODECS[type].decode(body)
  if (E.isLeft(decoded)) return E.left(describeErrors(decoded.left))
  const conflict = conflictOf(type, body)
  return conflict === undefined ? E.right(withTimes(type, decoded.right as JsonObject)) : E.left(conflict)
}
