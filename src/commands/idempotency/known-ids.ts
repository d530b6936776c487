/**
 * Follows the stream and keeps the transaction ids of all its events, so that a command whose id is new costs no look-up
 * (docs/adr/0010).
 *
 * "New" means that no event has the id, apart from events that are younger than half of the stream's duplicate window:
 * their ids the stream itself refuses. So the set is certain only while every event that it lacks is that young, by a proof
 * of the stream's end (stream/leadership.ts). At all other times it says that an event may have the id.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { E } from '../../fp.js'
import { CHUNK_EVENTS } from '../../known-ids/id-chunk.js'
import { metrics } from '../../metrics.js'
import { createArrivals } from '../../stream/follow/arrivals.js'
import { type FollowDeps, startFollower } from '../../stream/follow/follower.js'
import { leadershipOf, type Proof } from '../../stream/leadership.js'
import { createCertainty } from './certainty.js'
import { FollowedIds, PAGES_FROM_EVENTS } from './followed-ids.js'

export type KnownIds = {
  /** False: it is certain that no event has the id, apart from events whose ids the stream itself refuses. */
  readonly mayHave: (transaction_id: string) => boolean
  /**
   * The sequence at which the id is stored, if its event is one of the newest. The event there may have another id: two ids
   * of 2^64 have one hash.
   */
  readonly seqOf: (transaction_id: string) => number | undefined
  /** `seqOf` knows the ids of all events after this sequence; undefined while the set is not certain. */
  readonly exactAfter: () => number | undefined
  /** Follows the stream up to an end that is proved after the call; false when that is not done within `wait_ms_max`. */
  readonly reachEnd: (wait_ms_max: number) => Promise<boolean>
}

/** How far the stream was followed: the newest event that was taken, how many come after it, and at the most how old they are. */
type FollowerLag = { readonly seq: number; readonly lag_events: number; readonly lag_ms: number }

export type RunningKnownIds = KnownIds & {
  /** The lag by the newest proof of the stream's end; undefined while there is none of the stream that is followed. */
  readonly lag: () => FollowerLag | undefined
  /** Waits until the set is certain, or `wait_ms_max` is over: a large stream is read for longer, while commands go on. */
  readonly begun: (wait_ms_max: number) => Promise<void>
  readonly stop: () => Promise<void>
}

/** While commands ask, a proof is asked for so often. */
const PROVE_EVERY_MS = 1_000
const BEGIN_LOOK_MS = 20
const PART = 'transaction ids'

const filter_bytes = metrics.gauge(
  'jetledger_transaction_ids_bytes',
  'The memory that the transaction ids of all events take, in bytes, without the newest ones',
)
const behind_events = metrics.gauge(
  'jetledger_transaction_ids_behind_events',
  'Events whose transaction ids are not known in memory yet, as of the newest proof of where the stream ends',
)

const lagOf = (followed: FollowedIds, proof: Proof | undefined): FollowerLag | undefined => {
  if (proof === undefined || proof.created !== followed.created) return undefined
  const seq = followed.set.position
  const lag_events = Math.max(0, proof.last_seq - seq)
  if (lag_events === 0) return { seq, lag_events, lag_ms: 0 }
  const newest_ms = followed.newest()?.time.getTime() ?? 0
  return { seq, lag_events, lag_ms: Math.max(0, proof.server_time.getTime() - newest_ms) }
}

/**
 * Starts to follow the stream in the background, until `stop`. `chunk_events` is the length of the checkpoint's chunks: one
 * for all instances.
 */
export const followKnownIds = (deps: FollowDeps, chunk_events = CHUNK_EVENTS): RunningKnownIds => {
  const { nc, log } = deps
  const followed = new FollowedIds(deps, chunk_events)
  const ids = followed.set
  const certainty = createCertainty(() => ids.position)
  const arrivals = createArrivals(() => ids.position)
  let next_proof_ms = 0

  const restart = (ids_expected: number): void => {
    followed.restart(ids_expected)
    certainty.restart()
  }

  /** A proof of the stream that is followed; undefined when there is none at the moment. */
  const prove = async (): Promise<Proof | undefined> => {
    const { beginnings } = followed
    const proved = await leadershipOf(nc).prove()()
    if (E.isLeft(proved)) {
      log.debug({ err: proved.left }, 'how far the stream is cannot be proved just now')
      return undefined
    }
    const proof = proved.right
    // a stream that was restored has another time, though it may have the same events
    if (followed.created !== undefined && proof.created !== followed.created) follower.renew()
    if (proof.created !== followed.created || !(await follower.confirm())) return undefined
    // the follower begins anew by itself in a stream that was set back
    if (beginnings !== followed.beginnings) return undefined
    certainty.proved(proof)
    return proof
  }

  const isCertain = (): boolean => {
    const now_ms = performance.now()
    if (now_ms > next_proof_ms) {
      next_proof_ms = now_ms + PROVE_EVERY_MS
      void prove()
    }
    return !followed.has_failed && certainty.isAt(now_ms)
  }

  const reached = (): void => {
    certainty.reached()
    arrivals.reached(ids.position)
  }

  const follower = startFollower(deps, PART, {
    position: () => ids.position,
    newest: () => followed.newest(),
    begin: async ({ is_new_stream, created, last_seq }, signal) => {
      if (is_new_stream) {
        restart(last_seq)
        followed.created = created
      }
      await followed.readOn(last_seq, signal)
      reached()
    },
    take: event => {
      followed.take(event)
      reached()
    },
    failed: () => {
      followed.has_failed = true
    },
  })
  const lag = (): FollowerLag | undefined => lagOf(followed, leadershipOf(nc).newest())
  const untracks = [
    filter_bytes.track(() => ids.filter_bytes),
    behind_events.track(() => lag()?.lag_events ?? 0),
  ]

  return {
    mayHave: transaction_id => !isCertain() || ids.mayHave(transaction_id),
    seqOf: transaction_id => ids.seqOf(transaction_id),
    exactAfter: () => (isCertain() ? ids.exact_after_seq : undefined),
    reachEnd: async wait_ms_max => {
      const proof = await prove()
      // a set that still reads the stream from its beginning takes longer than anybody waits
      if (proof === undefined || proof.last_seq - ids.position > PAGES_FROM_EVENTS) return false
      await arrivals.until(proof.last_seq, wait_ms_max)
      return proof.created === followed.created && ids.position >= proof.last_seq
    },
    lag,
    begun: async wait_ms_max => {
      const until_ms = performance.now() + wait_ms_max
      while (!certainty.isAt(performance.now()) && performance.now() < until_ms) {
        await prove()
        await sleep(BEGIN_LOOK_MS)
      }
    },
    stop: async () => {
      for (const untrack of untracks) untrack()
      followed.stop()
      await follower.stop()
    },
  }
}
