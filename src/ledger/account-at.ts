/**
 * An account as it stands at a time: what is held and available, which holds are open, which restriction is in force.
 *
 * Every answer about an account with rules is made from this, whether the account was found in memory, in a table or in
 * the stream. So all of them say the same at the same moment, also when nothing happened but that time went by.
 */

import type { Account } from './account.js'
import { type AccountRules, type Hold, isTimed, NO_RULES, rulesAt } from './rules.js'

export type AccountAt = Pick<AccountRules, 'held' | 'limit' | 'restriction'> & {
  readonly balance: bigint
  /** What a debit may take: balance - held + limit, whatever the restriction says. */
  readonly available: bigint
  /** The open holds, in the order in which they were made. */
  readonly holds: readonly Hold[]
}

/** Whether an account changes by itself as time goes by. */
export const dependsOnTime = ({ rules }: Account): boolean => rules !== undefined && isTimed(rules)

/** The order of lists of holds, by expiry and id: a hold never changes its place, so a page can go on after any of them. */
export const comesBefore = (a: Omit<Hold, 'amount'>, b: Omit<Hold, 'amount'>): boolean =>
  a.expires_ms === b.expires_ms ? a.id < b.id : a.expires_ms < b.expires_ms

/** Holds in the order of lists. */
export const inOrder = (holds: readonly Hold[]): readonly Hold[] =>
  holds.toSorted((a, b) => (comesBefore(a, b) ? -1 : 1))

/** An account at a time by the stream's clock, in milliseconds since 1970. */
export const accountAt = ({ balance, rules = NO_RULES }: Account, now_ms: number): AccountAt => {
  const { held, limit, holds, restriction } = rulesAt(rules, now_ms)
  return {
    balance,
    available: balance - held + limit,
    held,
    limit,
    holds,
    ...(restriction === undefined ? {} : { restriction }),
  }
}
