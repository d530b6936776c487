/**
 * Reads an account as it was asked for: now, at least as new as a version, with everything that was acknowledged, or as it
 * was at a moment of the past.
 */

import type { AccountId } from '../ledger/account-id.js'
import type { Result } from './hot-set/loader.js'
import type { Session } from './hot-set/session.js'
import type { AsOf } from './past/as-of.js'

/** A question about one account; the fields are those of `customer.balance`. */
type AccountQuestion = {
  readonly client_id: AccountId
  readonly min_version?: number | undefined
  readonly consistency?: 'strong' | undefined
  readonly as_of?: bigint | undefined
  readonly as_of_seq?: number | undefined
}

export type ReadAccount = (question: AccountQuestion) => Promise<Result>

export const createReadAccount =
  (session: Session, past: AsOf): ReadAccount =>
  ({ client_id, min_version = 0, consistency, as_of, as_of_seq }) => {
    if (as_of_seq !== undefined) return past.seq(client_id, as_of_seq)
    if (as_of !== undefined) return past.time(client_id, as_of)
    if (consistency === 'strong') return session.strong(client_id, min_version)
    return min_version === 0 ? session.plain(client_id) : session.atLeast(client_id, min_version)
  }
