/**
 * Asks, several times a second, how far the stream and the balances projection are. Two proofs rest on it: that the
 * memory is not behind, and that an item of the table holds every event up to `floor`.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { E } from '../fp.js'
import { type Lag, projectionLag } from '../stream/lag.js'
import { LEDGER_STREAM } from '../stream/settings.js'
import type { Active, QueryDeps } from './deps.js'
import type { Follower } from './follower.js'
import { createFreshness, type Freshness } from './freshness.js'
import type { HotSet } from './hot-set.js'

export type Progress = {
  readonly isBehind: Freshness['isBehind']
  readonly reached: Freshness['reached']
  /** The projection has written everything up to here to the table of `active`; 0 while that is not known. */
  readonly floor: (active: Active) => number
  /** How far the active projection is behind the stream, as it was asked a moment ago: for STATS. */
  readonly lag: () => ({ readonly projection: string } & Lag) | undefined
  /** Asks until `stop`. */
  readonly start: (follower: Pick<Follower, 'renew'>) => void
  readonly stop: () => Promise<void>
}

const EVERY_MS = 250
/** What the stream held longer ago than this has to be in the memory, or the memory is not used. */
const BEHIND_MS_MAX = 500
/** A lag that was asked longer ago is no longer told: nobody knows it. */
const LAG_MS_MAX = 5_000
/** A follower that is behind and stands still for so many looks begins anew. */
const LOOKS_MAX = 12

export const createProgress = (
  { nc, jsm, log, active }: QueryDeps,
  hot: Pick<HotSet<unknown>, 'position' | 'forget'>,
): Progress => {
  const ending = new AbortController()
  const freshness = createFreshness(BEHIND_MS_MAX, () => performance.now())
  let known: (Active & Lag) | undefined
  let known_ms = 0
  let ended: Promise<void> | undefined

  const askStream = async (): Promise<void> => {
    const asked_ms = performance.now()
    const { state } = await jsm.streams.info(LEDGER_STREAM)
    freshness.told(state.last_seq, asked_ms, hot.position())
  }

  const askProjection = async (): Promise<void> => {
    const asked = await active('balances')()
    if (E.isLeft(asked)) return
    const now = asked.right
    const lag = await projectionLag(nc, now.consumer)()
    if (E.isLeft(lag) && lag.left.tag !== 'NotFound') return
    const found = E.isLeft(lag) ? undefined : { ...now, ...lag.right }
    // another table, or a projection that began again: what was loaded from the old one is not to be believed
    const same = known === undefined || (found?.table === known.table && found.seq >= known.seq)
    if (!same) hot.forget()
    known = found
    known_ms = performance.now()
  }

  const askUntilStopped = async (follower: Pick<Follower, 'renew'>): Promise<void> => {
    const { signal } = ending
    let [looks, seen] = [0, -1]
    while (!signal.aborted) {
      await Promise.all([askStream(), askProjection()]).catch((err: unknown) =>
        log.debug({ err }, 'how far the stream is cannot be asked at the moment'),
      )
      looks = freshness.isBehind() && hot.position() === seen ? looks + 1 : 0
      seen = hot.position()
      if (looks === LOOKS_MAX) {
        looks = 0
        follower.renew()
      }
      await sleep(EVERY_MS, undefined, { signal }).catch(() => undefined)
    }
  }

  return {
    isBehind: freshness.isBehind,
    reached: freshness.reached,
    floor: ({ table, consumer }) =>
      known !== undefined && known.table === table && known.consumer === consumer ? known.seq : 0,
    lag: () => {
      if (known === undefined || performance.now() - known_ms > LAG_MS_MAX) return undefined
      const { consumer, seq, lag_events, lag_ms } = known
      return { projection: consumer, seq, lag_events, lag_ms }
    },
    start: follower => {
      ended ??= askUntilStopped(follower)
    },
    stop: async () => {
      ending.abort()
      await ended
    },
  }
}
