/**
 * Asks, several times a second, how far the stream and the projection are. The answers prove two things: the
 * greatest age that the memory can have, and that an item of the table has every event up to `floor`.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { E, type Either } from '../../fp.js'
import { within } from '../../parallel.js'
import type { StreamError } from '../../stream/errors.js'
import { createArrivals } from '../../stream/follow/arrivals.js'
import { type Lag, projectionLag } from '../../stream/lag.js'
import { leadershipOf, type Proof } from '../../stream/leadership.js'
import type { Active, QueryDeps } from '../deps.js'
import type { Follower } from './follower.js'
import { createFreshness, type Freshness } from './freshness.js'
import type { HotSet } from './hot-set.js'

export type FreshnessWatch = Pick<Freshness, 'isFresh' | 'isProved' | 'age_ms'> & {
  /** Notes that the follower came to `position`. */
  readonly reached: (position: number) => void
  /** Notes that the follower begins anew after `position`. */
  readonly restarted: (position: number) => void
  /** A proof of the stream's end that is asked for after the call; left when no server gives one in time. */
  readonly prove: () => Promise<Either<StreamError, Proof>>
  /** Asks for a proof when there is no recent one, and waits for it for at most a second. */
  readonly refresh: () => Promise<void>
  /** Asks for the newest events at once, without waiting for them. */
  readonly look: () => void
  /** Resolves when the stream was followed up to `seq`, or when `wait_ms_max` is over. */
  readonly until: (seq: number, wait_ms_max: number) => Promise<void>
  /** The projection has written every event up to this sequence to the table of `active`; 0 while it is not known. */
  readonly floor: (active: Active) => number
  /** The lag of the active projection behind the stream, as of a moment ago: for the service's STATS. */
  readonly lag: () => ({ readonly projection: string } & Lag) | undefined
  /** Begins to ask; goes on until `stop`. */
  readonly start: (follower: Pick<Follower, 'renew' | 'confirm'>) => void
  readonly stop: () => Promise<void>
}

const EVERY_MS = 250
/** An answer that is older than this is given with its age. */
export const FRESH_MS_MAX = 2_000
/** Memory is used only when it has every event that the stream held this long ago. */
const BEHIND_MS_MAX = 500
/** The longest time that a read waits for a proof before it is answered with its age. */
const REFRESH_MS_MAX = 1_000
/** For this long after a failed attempt to get a proof, reads do not wait for another one. */
const REFRESH_AGAIN_MS = 100
/** A lag that is older than this is no longer shown: it may have changed. */
const LAG_MS_MAX = 5_000
/** A follower that is behind and stands still for this many looks begins anew. */
const LOOKS_MAX = 12

const NOT_CONFIRMED: StreamError = {
  tag: 'TryAgain',
  message: 'no server shows at the moment that it has the events that were followed',
}

/** Keeps the position of the active projection, as it was last asked for. */
const createProjectionWatch = (
  { nc, active }: Pick<QueryDeps, 'nc' | 'active'>,
  hot: Pick<HotSet<unknown>, 'forget'>,
) => {
  let known: (Active & Lag) | undefined
  let known_ms = 0

  const ask = async (): Promise<void> => {
    const current = await active()
    if (E.isLeft(current)) return
    const now = current.right
    const lag = await projectionLag(nc, now.consumer)()
    if (E.isLeft(lag) && lag.left.tag !== 'NotFound') return
    const found = E.isLeft(lag) ? undefined : { ...now, ...lag.right }
    // the table is another one, or its projection began again: customers that were loaded before are not believed
    const is_same = known === undefined || (found?.table === known.table && found.seq >= known.seq)
    if (!is_same) hot.forget()
    known = found
    known_ms = performance.now()
  }

  return {
    ask,
    floor: ({ table, consumer }: Active): number =>
      known !== undefined && known.table === table && known.consumer === consumer ? known.seq : 0,
    lag: () => {
      if (known === undefined || performance.now() - known_ms > LAG_MS_MAX) return undefined
      const { consumer, seq, lag_events, lag_ms } = known
      return { projection: consumer, seq, lag_events, lag_ms }
    },
  }
}

export const createFreshnessWatch = (
  { nc, log, active }: QueryDeps,
  hot: Pick<HotSet<unknown>, 'position' | 'forget'>,
): FreshnessWatch => {
  const ending = new AbortController()
  const leadership = leadershipOf(nc)
  const bounds = { age_ms_max: FRESH_MS_MAX, behind_ms_max: BEHIND_MS_MAX }
  const freshness = createFreshness(bounds, () => performance.now())
  const arrivals = createArrivals(hot.position)
  const watch = createProjectionWatch({ nc, active }, hot)
  let follower: Pick<Follower, 'confirm'> | undefined
  let refreshing: Promise<void> | undefined
  let refresh_again_ms = 0
  let ended: Promise<unknown> | undefined

  const prove = async (timeout_ms?: number): Promise<Either<StreamError, Proof>> => {
    const proved = await leadership.prove(timeout_ms)()
    if (E.isLeft(proved)) return proved
    const { last_seq, asked_ms } = proved.right
    const is_confirmed = (await follower?.confirm()) === true
    // a stream that was set back, and has grown since, may end behind what was followed, with other events
    if (!is_confirmed && hot.position() >= last_seq) return E.left(NOT_CONFIRMED)
    freshness.proved(last_seq, asked_ms, hot.position())
    return proved
  }

  const refreshOnce = async (): Promise<void> => {
    await within(REFRESH_MS_MAX, prove(REFRESH_MS_MAX))
    refreshing = undefined
    refresh_again_ms = performance.now() + REFRESH_AGAIN_MS
  }

  const askUntilStopped = async (ask: () => Promise<void>): Promise<void> => {
    const { signal } = ending
    while (!signal.aborted) {
      await ask()
      await sleep(EVERY_MS, undefined, { signal }).catch(() => undefined)
    }
  }

  /** Gives a function that renews a follower which stands still although the stream is proved to go on. */
  const createLook = (started: Pick<Follower, 'renew'>) => {
    let [looks, seen] = [0, -1]
    return async (): Promise<void> => {
      const proved = await prove(REFRESH_MS_MAX)
      if (E.isLeft(proved)) log.debug({ err: proved.left }, 'how far the stream is cannot be proved just now')
      const is_behind = freshness.isProved() && !freshness.isFresh()
      looks = is_behind && hot.position() === seen ? looks + 1 : 0
      seen = hot.position()
      if (looks < LOOKS_MAX) return
      looks = 0
      started.renew()
    }
  }

  return {
    isFresh: freshness.isFresh,
    isProved: freshness.isProved,
    age_ms: freshness.age_ms,
    reached: position => {
      freshness.reached(position)
      arrivals.reached(position)
    },
    restarted: position => {
      freshness.restarted(position)
      arrivals.reached(position)
    },
    prove: () => prove(),
    refresh: () => {
      if (freshness.isProved() || performance.now() < refresh_again_ms) return Promise.resolve()
      refreshing ??= refreshOnce()
      return refreshing
    },
    look: () => void follower?.confirm(),
    until: arrivals.until,
    floor: watch.floor,
    lag: watch.lag,
    start: started => {
      follower = started
      // in two loops: a slow answer to one question must not delay the other
      ended ??= Promise.all([askUntilStopped(createLook(started)), askUntilStopped(watch.ask)])
    },
    stop: async () => {
      ending.abort()
      await ended
    },
  }
}
