/**
 * Reads the body of an event of schema 2, written from docs/adr/0048 alone: the second opinion about what each type of
 * event may say. An unknown field, type or word comes from a later program, and what contradicts itself is malformed.
 */

import { isJsonObject } from '../json.js'
import {
  type Fields,
  isAccount,
  isOneOf,
  isText,
  isTransactionId,
  isWhole,
  mayBe,
  millisecondsOf,
  onlyHas,
  wholeOf,
} from './values.js'

const RESTRICTED = ['no_debit', 'no_credit', 'frozen', 'closed'] as const
const STATES = ['active', ...RESTRICTED]
const COMMANDS = [
  ...['credit', 'debit', 'transfer', 'hold', 'capture', 'release', 'limit', 'restrict', 'reverse'],
]
const CODES = [
  ...['INSUFFICIENT_FUNDS', 'BALANCE_LIMIT', 'HOLD_EXISTS', 'HOLD_NOT_OPEN', 'HOLD_EXCEEDED', 'NOT_EXPIRED'],
  ...['ACCOUNT_RESTRICTED', 'NOT_EMPTY', 'LIMIT_REACHED', 'REVERSAL_EXCEEDED'],
]

/** The fields that only events of schema 2 have; times are milliseconds since 1970. */
export type Terms2 = {
  readonly hold?: string | undefined
  readonly final?: boolean | undefined
  readonly expired?: true | undefined
  readonly expires_ms?: number | undefined
  readonly limit?: bigint | undefined
  readonly state?: 'active' | (typeof RESTRICTED)[number] | undefined
  readonly reason?: string | undefined
  readonly until_ms?: number | undefined
  readonly at_ms?: number | undefined
  readonly reverses?: string | undefined
  readonly reversal_id?: string | undefined
}

/** The fields of every type of event. */
const SHARED = [
  ...['schema', 'type', 'transaction_id', 'reference', 'metadata', 'transfer', 'after', 'at'],
  ...['reverses', 'reversal_id'],
]
const ASKED = ['amount', 'hold', 'final', 'expires_at', 'limit', 'state', 'reason', 'until']
/** The further fields of each type; those that it needs are in `NEEDED`. */
const OWN: Readonly<Record<string, readonly string[]>> = {
  credit: ['amount', 'declined'],
  debit: ['amount', 'declined', 'hold', 'final'],
  hold: ['amount', 'expires_at'],
  release: ['hold', 'amount', 'expired'],
  limit: ['limit'],
  state: ['state', 'reason', 'until'],
  declined: ['declined', ...ASKED],
}
const NEEDED: Readonly<Record<string, readonly string[]>> = {
  credit: ['amount'],
  debit: ['amount'],
  hold: ['amount', 'transaction_id', 'expires_at'],
  release: ['hold'],
  limit: ['limit'],
  state: ['state', 'reason'],
  declined: [],
}

const RECORD = [
  ...['command', 'code', 'client_id', 'balance', 'available', 'held', 'remaining', 'state', 'reason'],
]

/** All fields of each type. */
const ALL = new Map(Object.entries(OWN).map(([type, own]) => [type, [...SHARED, ...own]]))

/** Whether this program knows every field, type and word of a body. */
export const isUnderstood = (body: Fields): boolean => {
  const { type, transfer, declined } = body
  const all = ALL.get(typeof type === 'string' ? type : 'declined')
  const { command, code, state } = isJsonObject(declined) ? declined : {}
  return (
    all !== undefined &&
    onlyHas(body, all) &&
    onlyHas(transfer, ['counterparty']) &&
    onlyHas(declined, RECORD) &&
    mayBe(body.state, STATES) &&
    mayBe(command, COMMANDS) &&
    mayBe(code, CODES) &&
    mayBe(state, RESTRICTED)
  )
}

const isWholeOrAbsent = (value: unknown): boolean => value === undefined || wholeOf(value) !== undefined

const isReason = (value: unknown): boolean => isText(value, 256)

const isRecord = (value: unknown): boolean =>
  isJsonObject(value) &&
  isOneOf(value.command, COMMANDS) &&
  isOneOf(value.code, CODES) &&
  isAccount(value.client_id) &&
  wholeOf(value.balance) !== undefined &&
  isWholeOrAbsent(value.available) &&
  isWholeOrAbsent(value.held) &&
  (value.remaining === undefined || isWhole(value.remaining, 1n)) &&
  (value.state === undefined || isOneOf(value.state, RESTRICTED)) &&
  (value.reason === undefined || isReason(value.reason))

const isTime = (value: unknown): boolean => millisecondsOf(value) !== undefined

/** The rule of each field. */
const RULES: Readonly<Record<string, (value: unknown) => boolean>> = {
  amount: value => isWhole(value, 1n),
  // 128, ':reversal:', a number of up to 4 digits and ':credit'
  transaction_id: value => isTransactionId(value, 149),
  reference: value => typeof value === 'string',
  metadata: isJsonObject,
  transfer: value => isJsonObject(value) && isAccount(value.counterparty),
  declined: isRecord,
  at: isTime,
  reverses: value => isTransactionId(value, 135),
  reversal_id: value => isTransactionId(value, 128),
  hold: value => isTransactionId(value, 128),
  final: value => typeof value === 'boolean',
  expired: value => value === true,
  expires_at: isTime,
  limit: value => isWhole(value, 0n),
  state: value => isOneOf(value, STATES),
  reason: isReason,
  until: isTime,
}

/** Whether the fields of a body contradict each other. */
const isContradictory = (body: Fields): boolean => {
  const { type, transaction_id, hold, final, amount, expired, state, until } = body
  switch (type) {
    case 'hold':
      // the id of a hold is named by later events, which have room for 128 characters
      return !isTransactionId(transaction_id, 128)
    case 'debit':
      return final !== undefined && hold === undefined
    case 'release':
      return expired !== undefined && amount !== undefined
    case 'state':
      return state === 'active' && until !== undefined
    case 'declined':
      // a refusal without an amount is of a command that needs none
      return [amount, hold, body.limit, state, body.reverses].every(field => field === undefined)
    default:
      return false
  }
}

/** Whether a body that is understood is an event: it has what its type needs, all is valid, and nothing contradicts. */
export const isEvent2 = (body: Fields): boolean => {
  const needed = typeof body.type === 'string' ? NEEDED[body.type] : undefined
  return (
    needed?.every(name => body[name] !== undefined) === true &&
    Object.keys(body).every(name => RULES[name]?.(body[name]) !== false) &&
    !isContradictory(body)
  )
}

/** The fields of a valid event of schema 2 that schema 1 does not have. */
export const termsOf = (body: Fields): Terms2 => {
  const { hold, final, expired, expires_at, limit, state, reason, until, at } = body
  const { reverses, reversal_id } = body
  return {
    ...({ hold, final, expired, state, reason, reverses, reversal_id } as Terms2),
    expires_ms: millisecondsOf(expires_at),
    limit: wholeOf(limit),
    until_ms: millisecondsOf(until),
    at_ms: millisecondsOf(at),
  }
}

/** The record of a refusal in a valid event, with the fields that a row keeps. */
export const recordOf = (declined: unknown): Fields | undefined =>
  isJsonObject(declined)
    ? Object.fromEntries(
        RECORD.filter(name => declined[name] !== undefined).map(name => [name, declined[name]]),
      )
    : undefined
