/** Parts of accounts as the replies of several endpoints have them. */

import type { AccountAt } from '../../ledger/account-at.js'
import { toJson } from '../../ledger/amount.js'
import type { Hold } from '../../ledger/rules.js'

export const holdJson = ({ id, amount, expires_ms }: Hold) => ({
  hold: id,
  remaining: toJson(amount),
  expires_at: new Date(expires_ms).toISOString(),
})

/** The state of an account, with the reason and the end of a restriction. */
const stateJson = ({ restriction }: AccountAt) => {
  if (restriction === undefined) return { state: 'active' }
  const { state, reason, until_ms } = restriction
  return { state, reason, ...(until_ms === undefined ? {} : { until: new Date(until_ms).toISOString() }) }
}

/** All of an account but its holds. */
export const standingJson = (account: AccountAt) => ({
  balance: toJson(account.balance),
  available: toJson(account.available),
  held: toJson(account.held),
  limit: toJson(account.limit),
  ...stateJson(account),
})
