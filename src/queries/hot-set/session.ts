/**
 * Reads a customer as new as the caller asks: as the memory has it, with its age while no server proves how far the
 * stream is; at a version or newer; or with everything that was acknowledged before the call.
 */

import { E, type Either } from '../../fp.js'
import type { AccountId } from '../../ledger/account-id.js'
import { catalogued } from '../../service/catalogue.js'
import type { ServiceError } from '../../service/error.js'
import type { Proof } from '../../stream/leadership.js'
import { ANOTHER_STREAM, type SameStream } from '../same-stream.js'
import { FRESH_MS_MAX, type FreshnessWatch } from './freshness-watch.js'
import type { HotSet } from './hot-set.js'
import type { CustomerLoader, Found, Result } from './loader.js'
import type { Waiters } from './waiters.js'

export type SessionParts = {
  readonly hot: HotSet<unknown>
  readonly loader: CustomerLoader
  readonly waiters: Waiters
  readonly watch: Pick<
    FreshnessWatch,
    'isFresh' | 'isProved' | 'age_ms' | 'prove' | 'refresh' | 'look' | 'until'
  >
  readonly stream: SameStream
}

export type Session = {
  /** As new as the memory, or with its age; `UNAVAILABLE` when the age is more than `AGE_MS_MAX`. */
  readonly plain: (id: AccountId) => Promise<Result>
  /** At `version` or newer, from the quickest source; `NOT_REACHED` when the stream has no such version. */
  readonly atLeast: (id: AccountId, version: number) => Promise<Result>
  /** With everything that was acknowledged before the call, and at `version` or newer. */
  readonly strong: (id: AccountId, version: number) => Promise<Result>
}

/** Older answers are not given at all. */
const AGE_MS_MAX = 10_000
/** Nearly every event arrives long before this bound; after it the stream is read. */
const FOLLOW_MS_MAX = 250

const unavailable = (message: string, cause?: unknown): Either<ServiceError, never> =>
  E.left(catalogued('UNAVAILABLE', { message }, cause))

const tooOld = (age_ms: number): Either<ServiceError, never> => {
  const age = Number.isFinite(age_ms) ? `it was ${Math.ceil(age_ms)} ms ago` : 'nobody ever proved it'
  return unavailable(`no server proves how far the stream is (${age}); try again`)
}

export const createSession = ({ hot, loader, waiters, watch, stream }: SessionParts): Session => {
  /** The customer as it is in memory; this use keeps it there longer. */
  const inMemory = (id: AccountId): Found | undefined => {
    const found = hot.get(id)
    if (found === undefined) return undefined
    found.used = true
    return { account: found.account, source: 'memory', complete_to: hot.position() }
  }

  const atVersion = (id: AccountId, version: number): Found | undefined => {
    const found = inMemory(id)
    return found !== undefined && found.account.version >= version ? found : undefined
  }

  /** Adds its age to an answer that is not fresh. The age is taken now, so it includes the time that the read took. */
  const withAge = (result: Result): Result => {
    if (E.isLeft(result)) return result
    const age_ms = watch.age_ms(result.right.complete_to)
    if (age_ms <= FRESH_MS_MAX) return result
    return age_ms <= AGE_MS_MAX ? E.right({ ...result.right, age_ms: Math.ceil(age_ms) }) : tooOld(age_ms)
  }

  /** The customer with every event up to the proved end of the stream. */
  const upTo = async (id: AccountId, { last_seq }: Proof): Promise<Result> => {
    await watch.until(last_seq, FOLLOW_MS_MAX)
    if (hot.position() < last_seq) return loader.confirm(id)
    const known = inMemory(id)
    if (known !== undefined) return E.right(known)
    const loaded = await loader.load(id)
    // the read may have begun before the call
    return E.isRight(loaded) && loaded.right.complete_to >= last_seq ? loaded : loader.confirm(id)
  }

  const strong = async (id: AccountId, version: number): Promise<Result> => {
    const followed_seq = hot.position()
    const proved = await watch.prove()
    if (E.isLeft(proved)) return unavailable(`${proved.left.message}; try again`, proved.left)
    if (!(await stream.isIn(proved.right, followed_seq))) return unavailable(ANOTHER_STREAM)
    const found = await upTo(id, proved.right)
    if (E.isLeft(found) || found.right.account.version >= version) return found
    const message = `version ${version} is asked for, and the stream has come to version ${found.right.account.version}`
    return E.left(catalogued('NOT_REACHED', { message }))
  }

  const plain = async (id: AccountId): Promise<Result> => {
    await watch.refresh()
    // a memory that is behind the proved end is not used; while no end is proved it is, and the answer has its age
    const is_behind = watch.isProved() && !watch.isFresh()
    const known = is_behind ? undefined : inMemory(id)
    return withAge(known === undefined ? await loader.load(id) : E.right(known))
  }

  return {
    plain,
    strong,
    atLeast: async (id, version) => {
      const known = atVersion(id, version)
      if (known !== undefined && watch.age_ms(known.complete_to) <= FRESH_MS_MAX) return E.right(known)
      const found = await plain(id)
      if (E.isRight(found) && found.right.account.version >= version) return found
      // the event is usually on its way, and waiting for it costs nothing; it may have come during the read
      const is_awaited = hot.get(id) !== undefined && atVersion(id, version) === undefined
      if (is_awaited && watch.isFresh()) {
        watch.look()
        await waiters.until(id, version)
      }
      const waited = atVersion(id, version)
      return waited === undefined ? strong(id, version) : withAge(E.right(waited))
    },
  }
}
