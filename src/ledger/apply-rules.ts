/**
 * What an event does to an account that has rules, or gets one by the event (docs/adr/0051-accounts.md).
 *
 * An event is judged at the account's own time: the later one of the time of its last event and the event's time. So
 * the result depends on the events and on the stream's timestamps alone, and not on when or where they are folded.
 */

import { E, type Either } from '../fp.js'
import type { Account, EventPlace, Rejection } from './account.js'
import { INT64_MAX } from './amount.js'
import type { Debit, HoldMade, LedgerEvent, Release, StateSet } from './event-body.js'
import {
  type AccountRules,
  HOLDS_MAX,
  type Hold,
  kept,
  NO_RULES,
  type RestrictedState,
  rulesAt,
  withHold,
  withoutPart,
} from './rules.js'

/** The time that an event claims counts as far as it is this near to the time at which the event was stored. */
export const CLAIMED_TIME_MS_MAX = 60_000

/** The time of an event: what its writer claims, within a minute of the stream's timestamp; without a claim, that one. */
const timeOf = ({ at_ms }: Pick<LedgerEvent, 'at_ms'>, stored_ms: number): number =>
  at_ms === undefined
    ? stored_ms
    : Math.min(Math.max(at_ms, stored_ms - CLAIMED_TIME_MS_MAX), stored_ms + CLAIMED_TIME_MS_MAX)

/** An account at the time of an event. */
type Now = {
  readonly account: Account
  readonly rules: AccountRules
  readonly seq: number
  readonly time_ms: number
}

type Judged = Either<Rejection, Account>

const refused = (
  { account: { balance } }: Now,
  code: Rejection['code'],
  amount: bigint | undefined,
  details: Omit<Rejection, 'code' | 'balance' | 'amount'> = {},
): Judged => E.left({ code, balance, ...(amount === undefined ? {} : { amount }), ...details })

/** The account after an event that counts: `version` grows by one, whatever the event changed. */
const changed = ({ account, seq, time_ms }: Now, balance: bigint, rules: AccountRules): Judged =>
  E.right(accountOf(balance, account.version + 1, seq, kept(rules, time_ms)))

const accountOf = (
  balance: bigint,
  version: number,
  seq: number,
  rules: AccountRules | undefined,
): Account => (rules === undefined ? { balance, version, seq } : { balance, version, seq, rules })

/** An event that counts and changes neither the money nor the rules. */
const unchanged = ({ account: { balance, version }, rules, seq, time_ms }: Now): Judged =>
  E.right(accountOf(balance, version, seq, kept(rules, time_ms)))

/** The states in which each kind of event is refused; the table of docs/adr/0051. */
const REFUSED_IN: Readonly<
  Record<'in' | 'out' | 'capture' | 'release' | 'limit', readonly RestrictedState[]>
> = {
  in: ['no_credit', 'frozen', 'closed'],
  out: ['no_debit', 'frozen', 'closed'],
  capture: ['frozen', 'closed'],
  release: ['closed'],
  limit: ['closed'],
}

/** The refusal by the account's restriction; undefined when it allows this kind of event. */
const restricted = (
  now: Now,
  kind: keyof typeof REFUSED_IN,
  amount: bigint | undefined,
): Judged | undefined => {
  const { restriction } = now.rules
  if (restriction === undefined || !REFUSED_IN[kind].includes(restriction.state)) return undefined
  const { state, reason } = restriction
  return refused(now, 'ACCOUNT_RESTRICTED', amount, { state, reason })
}

/** The refusal of an amount that is not available; undefined when it is. */
const notAvailable = (now: Now, amount: bigint): Judged | undefined => {
  const { account, rules } = now
  const available = account.balance - rules.held + rules.limit
  if (amount <= available) return undefined
  return refused(now, 'INSUFFICIENT_FUNDS', amount, available === account.balance ? {} : { available })
}

const holdOf = ({ holds }: AccountRules, id: string): Hold | undefined => holds.find(hold => hold.id === id)

const credit = (now: Now, amount: bigint): Judged => {
  const { account, rules } = now
  if (amount > INT64_MAX - account.balance) return refused(now, 'BALANCE_LIMIT', amount)
  return changed(now, account.balance + amount, rules)
}

/** A debit of what is available, or of a hold: what is captured was set aside, so it is there in any case. */
const debit = (now: Now, { amount, hold: id, final = true }: Debit): Judged => {
  const { account, rules } = now
  if (id === undefined) return notAvailable(now, amount) ?? changed(now, account.balance - amount, rules)
  const hold = holdOf(rules, id)
  if (hold === undefined) return refused(now, 'HOLD_NOT_OPEN', amount)
  if (amount > hold.amount) return refused(now, 'HOLD_EXCEEDED', amount, { remaining: hold.amount })
  return changed(now, account.balance - amount, withoutPart(rules, hold, amount, final))
}

const hold = (now: Now, { amount, transaction_id: id, expires_ms }: HoldMade): Judged => {
  const { account, rules } = now
  if (holdOf(rules, id) !== undefined) return refused(now, 'HOLD_EXISTS', amount)
  if (rules.holds.length >= HOLDS_MAX) return refused(now, 'LIMIT_REACHED', amount)
  const refusal = notAvailable(now, amount)
  if (refusal !== undefined) return refusal
  // a limit may make more available than one amount can say
  if (amount > INT64_MAX - rules.held) return refused(now, 'BALANCE_LIMIT', amount)
  return changed(now, account.balance, rulesAt(withHold(rules, { id, amount, expires_ms }), now.time_ms))
}

const release = (now: Now, { hold: id, amount }: Release): Judged => {
  const { account, rules } = now
  const open = holdOf(rules, id)
  if (open === undefined) return refused(now, 'HOLD_NOT_OPEN', amount)
  const given = amount ?? open.amount
  if (given > open.amount) return refused(now, 'HOLD_EXCEEDED', amount, { remaining: open.amount })
  return changed(now, account.balance, withoutPart(rules, open, given, false))
}

/**
 * The sweeper's event. The hold counts no more from its time on, so this changes no money: it only shows in the version
 * and in the journal that the hold has ended. A hold that is gone already stays gone.
 */
const expire = (now: Now, id: string): Judged => {
  const hold = holdOf(now.account.rules ?? NO_RULES, id)
  if (hold === undefined) return unchanged(now)
  if (hold.expires_ms > now.time_ms) return refused(now, 'NOT_EXPIRED', undefined)
  return changed(now, now.account.balance, now.rules)
}

const setState = (now: Now, { state, reason, until_ms }: StateSet): Judged => {
  const { account, rules } = now
  const { restriction: _, ...others } = rules
  if (state === 'active') return changed(now, account.balance, others)
  const { held } = rules
  if (state === 'closed' && (account.balance !== 0n || held !== 0n))
    return refused(now, 'NOT_EMPTY', undefined, { held })
  const restriction = { state, reason, ...(until_ms === undefined ? {} : { until_ms }) }
  return changed(now, account.balance, rulesAt({ ...others, restriction }, now.time_ms))
}

/** The time at which an event on an account is judged, in milliseconds since 1970: no event turns an account's time back. */
export const judgedAt = ({ rules = NO_RULES }: Account, event: LedgerEvent, { at }: EventPlace): number =>
  Math.max(rules.time_ms, timeOf(event, at.getTime()))

/** The account after an event at its time; the arguments are those of `apply`, which calls it for what is not plain. */
export const applyRules = (
  account: Account,
  event: LedgerEvent,
  stored: EventPlace,
): Either<Rejection, Account> => {
  const time_ms = judgedAt(account, event, stored)
  const rules = rulesAt(account.rules ?? NO_RULES, time_ms)
  const now: Now = { account, rules, seq: stored.seq, time_ms }
  switch (event.type) {
    case 'credit':
      return restricted(now, 'in', event.amount) ?? credit(now, event.amount)
    case 'debit':
      return restricted(now, event.hold === undefined ? 'out' : 'capture', event.amount) ?? debit(now, event)
    case 'hold':
      return restricted(now, 'out', event.amount) ?? hold(now, event)
    case 'release':
      if (event.expired === true) return expire(now, event.hold)
      return restricted(now, 'release', event.amount) ?? release(now, event)
    case 'limit':
      return (
        restricted(now, 'limit', undefined) ??
        changed(now, account.balance, { ...now.rules, limit: event.limit })
      )
    case 'state':
      return setState(now, event)
    case 'declined':
      return unchanged(now)
  }
}
