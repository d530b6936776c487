/**
 * The commands that concern the rules of an account: hold, capture, release, limit and restrict; their codecs and their
 * JSON (docs/adr/0051-accounts.md).
 */

import { E, type Either, t } from '../fp.js'
import { Instant } from '../instant.js'
import type { JsonObject } from '../json.js'
import { type AccountId, Asset, accountIdOf, customerOf, namesOf } from './account-id.js'
import { Amount, toJson } from './amount.js'
import { ClientId } from './client-id.js'
import { describeErrors, exactFieldsOf } from './codec.js'
import { OPTIONAL } from './command-fields.js'
import type { StateOfAccount } from './event-body.js'
import { TransactionId } from './event-body.js'
import { Limit, Reason, State } from './event-body-2.js'

/** The parts of every command that concerns rules. */
type Base = {
  /** The account: in another asset than the default one it names that too. */
  readonly client_id: AccountId
  /** The idempotency key: a retry of the command carries the same one. */
  readonly transaction_id: string
  readonly reference?: string | undefined
  readonly metadata?: Record<string, unknown> | undefined
  readonly by?: string | undefined
}

/** Sets money aside until `expires_ms`, or for `expires_in_s` from the decision on. */
export type HoldCommand = Base & {
  readonly type: 'hold'
  readonly amount: Amount
  readonly expires_ms?: number | undefined
  readonly expires_in_s?: number | undefined
}
/** Takes a hold's money, all that remains unless stated; with `to` it goes to another customer. */
export type CaptureCommand = Base & {
  readonly type: 'capture'
  readonly hold: string
  readonly amount?: Amount | undefined
  readonly final?: boolean | undefined
  readonly to?: AccountId | undefined
}
export type ReleaseCommand = Base & {
  readonly type: 'release'
  readonly hold: string
  readonly amount?: Amount | undefined
}
type LimitCommand = Base & {
  readonly type: 'limit'
  readonly limit: bigint
  readonly amount?: undefined
}
type RestrictCommand = Base & {
  readonly type: 'restrict'
  readonly state: StateOfAccount
  readonly reason: string
  readonly until_ms?: number | undefined
  readonly amount?: undefined
}
export type RuleCommand = HoldCommand | CaptureCommand | ReleaseCommand | LimitCommand | RestrictCommand

export const RULE_COMMAND_TYPES = ['hold', 'capture', 'release', 'limit', 'restrict'] as const

/** Whether a text is the type of a command that concerns rules. */
export const isRuleType = (type: string): type is RuleCommand['type'] =>
  RULE_COMMAND_TYPES.some(known => known === type)

/** Whether a command concerns rules. */
export const isRuleCommand = <C extends { readonly type: string }>(
  command: C | RuleCommand,
): command is RuleCommand => isRuleType(command.type)

const DAY_S = 86_400
/** The time for which money is held unless the command says otherwise. */
export const HOLD_S = 7 * DAY_S
/** The longest time for which money is held. */
export const HOLD_S_MAX = 366 * DAY_S

const ExpiresIn = new t.Type<number, number, unknown>(
  'ExpiresIn',
  t.number.is,
  (u, context) =>
    typeof u === 'number' && Number.isSafeInteger(u) && u >= 1 && u <= HOLD_S_MAX
      ? t.success(u)
      : t.failure(u, context, `must be a whole number of seconds from 1 to ${HOLD_S_MAX} (366 days)`),
  Number,
)

const CUSTOMER = { client_id: ClientId }
const MORE = { ...OPTIONAL, asset: Asset }
const CODECS = {
  hold: exactFieldsOf(
    { ...CUSTOMER, amount: Amount },
    { ...MORE, expires_at: Instant, expires_in: ExpiresIn },
  ),
  capture: exactFieldsOf(
    { ...CUSTOMER, hold: TransactionId },
    { ...MORE, amount: Amount, final: t.boolean, to: ClientId },
  ),
  release: exactFieldsOf({ ...CUSTOMER, hold: TransactionId }, { ...MORE, amount: Amount }),
  limit: exactFieldsOf({ ...CUSTOMER, limit: Limit }, MORE),
  restrict: exactFieldsOf({ ...CUSTOMER, state: State, reason: Reason }, { ...MORE, until: Instant }),
} as const

const NS_PER_MS = 1_000_000n
const msOf = (ns: bigint | undefined): number | undefined =>
  ns === undefined ? undefined : Number(ns / NS_PER_MS)

/** A rule between the fields of a command; undefined when they hold. */
const conflictOf = (type: RuleCommand['type'], fields: JsonObject): string | undefined => {
  if (type === 'hold' && fields.expires_at !== undefined && fields.expires_in !== undefined)
    return 'expires_in: stands beside expires_at; only one of them is possible'
  if (type === 'restrict' && fields.state === 'active' && fields.until !== undefined)
    return 'until: is for a restriction; an active account has none'
  if (type === 'capture' && fields.to !== undefined && fields.to === fields.client_id)
    return 'to: must be another customer than client_id'
  return undefined
}

/** The fields that get another name or form. */
type Decoded = {
  readonly client_id: ClientId
  readonly asset?: string
  readonly to?: ClientId
  readonly expires_at?: bigint
  readonly expires_in?: number
  readonly until?: bigint
  readonly transaction_id?: string
}

/**
 * Decodes the fields of a command; one without a `transaction_id` gets `fresh_id`. Left names every wrong field, and every
 * field that commands of this type do not have.
 */
export const decodeRuleCommand = (
  type: RuleCommand['type'],
  fields: JsonObject,
  fresh_id: string,
  by?: string,
): Either<string, RuleCommand> => {
  const decoded = CODECS[type].decode(fields) as Either<t.Errors, Decoded>
  if (E.isLeft(decoded)) return E.left(describeErrors(decoded.left))
  const conflict = conflictOf(type, fields)
  if (conflict !== undefined) return E.left(conflict)
  const { client_id, asset, to, expires_at, expires_in, until, transaction_id, ...others } = decoded.right
  return E.right({
    type,
    client_id: accountIdOf(client_id, asset),
    ...(to === undefined ? {} : { to: accountIdOf(to, asset) }),
    ...others,
    transaction_id: transaction_id ?? fresh_id,
    by,
    ...(expires_at === undefined ? {} : { expires_ms: msOf(expires_at) }),
    ...(expires_in === undefined ? {} : { expires_in_s: expires_in }),
    ...(until === undefined ? {} : { until_ms: msOf(until) }),
  } as unknown as RuleCommand)
}

const timeText = (ms: number): string => new Date(ms).toISOString()

/** A command as the fields of a request that decodes to it. */
export const ruleCommandFields = (command: RuleCommand): JsonObject => {
  const { type: _, by: _by, client_id, ...fields } = command
  const { to, expires_ms, expires_in_s, until_ms, amount, limit, ...others } = fields as typeof fields & {
    readonly to?: AccountId
    readonly expires_ms?: number
    readonly expires_in_s?: number
    readonly until_ms?: number
    readonly limit?: bigint
  }
  return {
    ...namesOf(client_id),
    ...(to === undefined ? {} : { to: customerOf(to) }),
    ...others,
    ...(amount === undefined ? {} : { amount: toJson(amount) }),
    ...(limit === undefined ? {} : { limit: toJson(limit) }),
    ...(expires_ms === undefined ? {} : { expires_at: timeText(expires_ms) }),
    ...(expires_in_s === undefined ? {} : { expires_in: expires_in_s }),
    ...(until_ms === undefined ? {} : { until: timeText(until_ms) }),
  }
}
