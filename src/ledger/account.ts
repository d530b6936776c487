/**
 * The account, and the reasons for which an event on it is refused.
 */

import { type AccountRules, areSameRules, type RestrictedState } from './rules.js'

/**
 * A customer's balance after `version` events that changed the account. `seq` is the stream sequence of the last event
 * that counts, refusals included (0: none yet). A plain account has no `rules`.
 */
export type Account = {
  readonly balance: bigint
  readonly version: number
  readonly seq: number
  readonly rules?: AccountRules | undefined
}

export const OPENING: Account = { balance: 0n, version: 0, seq: 0 }

/** Why an event is refused. `balance` is the account's before it, and `amount` what the event asked for, if anything. */
export type Rejection = {
  readonly code: RejectionCode
  readonly balance: bigint
  readonly amount?: bigint | undefined
  /** What could have been used: balance - held + limit. Absent where it is the balance. */
  readonly available?: bigint
  /** The sum of the open holds, of an account that may not be closed because of them. */
  readonly held?: bigint
  /** What remains of the hold that was exceeded, or of the transaction of which more was to be reversed. */
  readonly remaining?: bigint
  /** The restriction that refused it. */
  readonly state?: RestrictedState
  readonly reason?: string
}

export const REJECTION_CODES = [
  'INSUFFICIENT_FUNDS',
  'BALANCE_LIMIT',
  'HOLD_EXISTS',
  'HOLD_NOT_OPEN',
  'HOLD_EXCEEDED',
  'NOT_EXPIRED',
  'ACCOUNT_RESTRICTED',
  'NOT_EMPTY',
  'LIMIT_REACHED',
  // of a command only: the fold does not know what is left of a transaction
  'REVERSAL_EXCEEDED',
] as const
export type RejectionCode = (typeof REJECTION_CODES)[number]

const CODES: ReadonlySet<string> = new Set(REJECTION_CODES)

/** Whether a code is one of the law's: an answer with it is the same for ever. */
export const isRejectionCode = (code: string): code is RejectionCode => CODES.has(code)

/** Whether two accounts are the same in everything that a fold makes. */
export const isSameAccount = (a: Account, b: Account): boolean =>
  a.balance === b.balance && a.version === b.version && a.seq === b.seq && areSameRules(a.rules, b.rules)

/**
 * Where and when an event is stored: its stream sequence, and its time by the stream's clock. The time is read only for
 * what depends on it, because some messages decode it only then.
 */
export type EventPlace = { readonly seq: number; readonly at: Date }
