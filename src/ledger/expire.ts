/**
 * The events that say that holds have expired. They change no balance, and nothing that is available at any time from
 * `now` on: the holds count no more without them. They bring the account, the journal and the sums up to date
 * (docs/adr/0051-accounts.md).
 */

import { E } from '../fp.js'
import type { Account } from './account.js'
import type { AccountId } from './account-id.js'
import { type Leg, leg } from './decide.js'

/**
 * One event for each hold of the account that has expired at `now`, in the order in which they were made; none when no
 * hold has. `now` has to be over by the stream's clock: an account keeps the time of its last event, and must not be ahead.
 */
export const expiryEvents = (id: AccountId, account: Account, now: Date): readonly Leg[] => {
  const legs: Leg[] = []
  let before = account
  for (const { id: hold, expires_ms } of account.rules?.holds ?? []) {
    if (expires_ms > now.getTime()) continue
    const expired = leg(id, before, { type: 'release', hold, expired: true }, now)
    // the law refuses none of them: the hold has expired, or is gone with the one before it
    if (E.isLeft(expired)) throw new Error(`the end of the hold ${hold} was refused: ${expired.left.code}`)
    legs.push(expired.right)
    before = expired.right.after
  }
  return legs
}
