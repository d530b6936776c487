/**
 * Explains what the law made of an event: the account just before it, the rule that decided, what counted, and the account
 * after it. It is the law itself, run again; nothing that an event claims about its effect is believed.
 */

import { E } from '../fp.js'
import type { Account, EventPlace, Rejection, RejectionCode } from './account.js'
import { type AccountAt, accountAt } from './account-at.js'
import { apply } from './apply.js'
import { judgedAt } from './apply-rules.js'
import type { LedgerEvent } from './event-body.js'
import { type Hold, NO_RULES } from './rules.js'

/** What an event is for the rules: a debit of a hold is a capture, and the record of an expiry is no release. */
type Kind = Exclude<LedgerEvent['type'], 'declined'> | 'capture' | 'expiry' | 'record'

/** The rule that allows each kind of event; docs/adr/0051 has them in the order in which they are asked. */
const ALLOWED: Readonly<Record<Kind, string>> = {
  credit: 'a credit counts while the balance stays within a signed 64-bit integer',
  debit: 'a debit counts while its amount is available: balance - held + limit',
  capture:
    'a capture counts while its hold is open and has at least the amount left; what is available is not asked',
  hold: 'a hold counts while its id is free, fewer than 256 holds are open, and its amount is available: balance - held + limit',
  release: 'a release counts while its hold is open and has at least the amount left',
  expiry:
    'a hold counts no more from the time on at which it expires; the event that says so changes no money',
  limit: 'a limit counts in every state but closed',
  state: 'a state counts at any time; closed needs balance 0 and nothing held',
  record: 'the record of a refusal changes nothing',
}

/** The rule that refuses an event, by the code of the refusal. */
export const REFUSED: Readonly<Record<RejectionCode, string>> = {
  ACCOUNT_RESTRICTED: 'the state of the account refuses events of this kind',
  BALANCE_LIMIT: 'the balance, and the sum of the open holds, stay within a signed 64-bit integer',
  INSUFFICIENT_FUNDS: 'the amount must be available: balance - held + limit',
  HOLD_EXISTS: 'no open hold of the account may have the same id',
  HOLD_NOT_OPEN: 'the hold must be open: not captured, not released, not expired',
  HOLD_EXCEEDED: 'the hold must have at least the amount left',
  NOT_EXPIRED: 'a hold has not expired before its time',
  NOT_EMPTY: 'an account is closed only with balance 0 and nothing held',
  LIMIT_REACHED: 'at most 256 holds of an account are open',
  REVERSAL_EXCEEDED: 'the reversals of a transaction take back no more than it moved',
}

const kindOf = (event: LedgerEvent): Kind => {
  switch (event.type) {
    case 'debit':
      return event.hold === undefined ? 'debit' : 'capture'
    case 'release':
      return event.expired === true ? 'expiry' : 'release'
    case 'declined':
      return 'record'
    default:
      return event.type
  }
}

/** An account at the time at which an event was judged, before the event or after it. */
export type StateThen = AccountAt & Pick<Account, 'version' | 'seq'>

export type Explanation = {
  /** The time at which the event was judged, in milliseconds since 1970. */
  readonly time_ms: number
  readonly before: StateThen
  /** The same as `before` for a refused event, which changes nothing. */
  readonly after: StateThen
  readonly rule: string
  readonly rejection?: Rejection
  /** The hold that the event names, where the account still had it; `is_open` is false when it had expired. */
  readonly hold?: Hold & { readonly is_open: boolean }
}

const stateAt = (account: Account, time_ms: number): StateThen => ({
  ...accountAt(account, time_ms),
  version: account.version,
  seq: account.seq,
})

const namedIn = (event: LedgerEvent): string | undefined =>
  event.type === 'hold' ? event.transaction_id : 'hold' in event ? event.hold : undefined

const holdOf = ({ rules = NO_RULES }: Account, event: LedgerEvent, time_ms: number) => {
  const id = namedIn(event)
  const found = rules.holds.find(hold => hold.id === id)
  return found && { ...found, is_open: found.expires_ms > time_ms }
}

/** Explains an event on the account before it, stored at a place and a time. */
export const explain = (account: Account, event: LedgerEvent, stored: EventPlace): Explanation => {
  const time_ms = judgedAt(account, event, stored)
  const result = apply(account, event, stored)
  const hold = holdOf(account, event, time_ms)
  const before = stateAt(account, time_ms)
  const common = { time_ms, before, ...(hold === undefined ? {} : { hold }) }
  return E.isLeft(result)
    ? { ...common, after: before, rule: REFUSED[result.left.code], rejection: result.left }
    : { ...common, after: stateAt(result.right, time_ms), rule: ALLOWED[kindOf(event)] }
}

const OVER_AT_ONCE = 'a hold must end later than it begins'

/**
 * Explains an event that a command wanted and that was refused with `code`. A hold that would be over at once is refused before
 * the law is asked, because its event would count and hold nothing.
 */
export const explainAttempt = (
  account: Account,
  event: LedgerEvent,
  stored: EventPlace,
  code: RejectionCode,
): Explanation => {
  const explained = explain(account, event, stored)
  if (event.type !== 'hold' || code !== 'HOLD_NOT_OPEN') return explained
  const rejection = { code, balance: account.balance, amount: event.amount }
  return { ...explained, after: explained.before, rule: OVER_AT_ONCE, rejection }
}
