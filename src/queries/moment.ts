/**
 * The moment for which an answer shows an account: the present by the stream's clock, or the moment of the past that was
 * asked for. Only an account that depends on time needs one (docs/adr/0051-accounts.md).
 */

import { E, type Either } from '../fp.js'
import { dependsOnTime } from '../ledger/account-at.js'
import { catalogued } from '../service/catalogue.js'
import type { ServiceError } from '../service/error.js'
import { leadershipOf } from '../stream/leadership.js'
import type { QueryDeps } from './deps.js'
import type { Found } from './hot-set/loader.js'

export type MomentOf = (found: Pick<Found, 'account' | 'at_ms'>) => Promise<Either<ServiceError, number>>

/** Any time does for an account that is the same at all of them. */
export const ANY_TIME_MS = 0

const UNKNOWN = "the account depends on time, and the time by the stream's clock is not known; try again"

/**
 * Gives the milliseconds since 1970 of the moment for an answer. Left is 503 `UNAVAILABLE`: the account depends on time,
 * and no server tells the time.
 */
export const createMomentOf = ({ nc, now }: Pick<QueryDeps, 'nc' | 'now'>): MomentOf => {
  const leadership = leadershipOf(nc)
  return async ({ account, at_ms }) => {
    if (!dependsOnTime(account)) return E.right(ANY_TIME_MS)
    if (at_ms !== undefined) return E.right(at_ms)
    const known = now()
    if (known !== undefined) return E.right(known.getTime())
    const proved = await leadership.prove()()
    const asked = now()
    if (asked !== undefined) return E.right(asked.getTime())
    return E.left(catalogued('UNAVAILABLE', { message: UNKNOWN }, E.isLeft(proved) ? proved.left : undefined))
  }
}
