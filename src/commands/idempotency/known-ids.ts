/**
 * Follows the stream and keeps the transaction ids of all its events, so that a command whose id is new costs no look-up
 * (docs/adr/0010).
 *
 * "New" means that no event has the id, apart from events that are younger than half of the stream's duplicate window:
 * their ids the stream itself refuses. So the set is certain only while every event that it lacks is that young, by a proof
 * of the stream's end (stream/leadership.ts). At all other times it says that an event may have the id.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import type { NatsConnection } from 'nats'
import { E } from '../../fp.js'
import { metrics } from '../../metrics.js'
import { createArrivals } from '../../stream/follow/arrivals.js'
import { type FollowDeps, startFollower } from '../../stream/follow/follower.js'
import { leadershipOf, type Proof } from '../../stream/leadership.js'
import { readRange } from '../../stream/read.js'
import { LEDGER_STREAM, LEDGER_SUBJECTS } from '../../stream/settings.js'
import { IdSet } from './id-set.js'
import { certainlyRefused_ms } from './window.js'

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

export type RunningKnownIds = KnownIds & {
  /** Waits until the set is certain, or `wait_ms_max` is over: a large stream is read for longer, while commands go on. */
  readonly begun: (wait_ms_max: number) => Promise<void>
  readonly stop: () => Promise<void>
}

/** While commands ask, a proof is asked for so often. */
const PROVE_EVERY_MS = 1_000
/** A set that is behind a proved end and stands still for so long begins a new life. */
const STILL_MS_MAX = 3_000
/** From so many events behind, the stream is read in pages: that takes a part of the time of following it. */
const PAGES_FROM_EVENTS = 2_000
const BEGIN_LOOK_MS = 20
const PART = 'transaction ids'

const filter_bytes = metrics.gauge(
  'jetledger_transaction_ids_bytes',
  'The memory that the transaction ids of all events take, in bytes, without the newest ones',
)

/** Says from when to when the set is certain. Pure; all times are of a clock that never goes back. */
export const createCertainty = (position: () => number) => {
  /** The newest proof whose end was reached, and the oldest one whose end was not. */
  let reached_proof: Proof | undefined
  let awaited: Proof | undefined
  return {
    proved: (proof: Proof): void => {
      if (position() < proof.last_seq) awaited ??= proof
      else if (reached_proof === undefined || proof.asked_ms > reached_proof.asked_ms) reached_proof = proof
    },
    /** Is called at every event; nearly always nothing is awaited. */
    reached: (): void => {
      if (awaited === undefined || position() < awaited.last_seq) return
      reached_proof = awaited
      awaited = undefined
    },
    isAt: (now_ms: number): boolean =>
      reached_proof !== undefined && now_ms - reached_proof.asked_ms < certainlyRefused_ms(reached_proof),
    /** The proof whose end was not reached yet. */
    awaited: (): Proof | undefined => awaited,
    restart: (): void => {
      reached_proof = undefined
      awaited = undefined
    },
  }
}

/** Reads on in pages up to `last_seq`: a process that starts has the whole stream before it. */
const readOn = async (
  nc: NatsConnection,
  ids: IdSet,
  last_seq: number,
  signal: AbortSignal,
): Promise<void> => {
  if (last_seq - ids.position < PAGES_FROM_EVENTS) return
  const range = {
    stream: LEDGER_STREAM,
    subject: LEDGER_SUBJECTS,
    from_seq: ids.position + 1,
    to_seq: last_seq,
  }
  for await (const { seq, body } of readRange(nc, range)) {
    ids.take(seq, body)
    if (signal.aborted) return
  }
}

/** Starts to follow the stream in the background, until `stop`. */
export const followKnownIds = (deps: FollowDeps): RunningKnownIds => {
  const { nc, log } = deps
  const ids = new IdSet()
  const leadership = leadershipOf(nc)
  const certainty = createCertainty(() => ids.position)
  const arrivals = createArrivals(() => ids.position)
  let created: string | undefined
  /** An event was not taken because of a fault of this program: from then on the set may lack ids. */
  let has_failed = false
  let next_proof_ms = 0
  let still = { seq: 0, since_ms: 0 }

  const note = (proof: Proof): void => {
    if (proof.created === created) certainty.proved(proof)
    else if (created !== undefined) {
      // another stream has other ids, and the follower may not have noticed yet
      certainty.restart()
      follower.renew()
    }
  }

  const renewIfStill = (): void => {
    const now_ms = performance.now()
    if (certainty.awaited() === undefined || ids.position !== still.seq)
      still = { seq: ids.position, since_ms: now_ms }
    else if (now_ms - still.since_ms > STILL_MS_MAX) {
      still = { seq: ids.position, since_ms: now_ms }
      follower.renew()
    }
  }

  const prove = async (): Promise<Proof | undefined> => {
    const proved = await leadership.prove()()
    if (E.isLeft(proved)) {
      log.debug({ err: proved.left }, 'how far the stream is cannot be proved just now')
      return undefined
    }
    note(proved.right)
    renewIfStill()
    return proved.right
  }

  const isCertain = (): boolean => {
    const now_ms = performance.now()
    if (now_ms > next_proof_ms) {
      next_proof_ms = now_ms + PROVE_EVERY_MS
      void prove()
    }
    return !has_failed && certainty.isAt(now_ms)
  }

  const reached = (): void => {
    certainty.reached()
    arrivals.reached(ids.position)
  }

  const follower = startFollower(deps, PART, {
    position: () => ids.position,
    begin: async ({ is_new_stream, created: found, last_seq }, signal) => {
      if (is_new_stream) {
        ids.restart(last_seq)
        certainty.restart()
        created = found
      }
      await readOn(nc, ids, last_seq, signal)
      reached()
    },
    take: ({ seq, data }) => {
      ids.take(seq, data)
      reached()
    },
    failed: () => {
      has_failed = true
    },
  })
  const untrack = filter_bytes.track(() => ids.filter_bytes)

  return {
    mayHave: transaction_id => !isCertain() || ids.mayHave(transaction_id),
    seqOf: transaction_id => ids.seqOf(transaction_id),
    exactAfter: () => (isCertain() ? ids.exact_after_seq : undefined),
    reachEnd: async wait_ms_max => {
      const proof = await prove()
      // a set that still reads the stream from its beginning takes longer than anybody waits
      if (proof === undefined || proof.last_seq - ids.position > PAGES_FROM_EVENTS) return false
      await arrivals.until(proof.last_seq, wait_ms_max)
      return proof.created === created && ids.position >= proof.last_seq
    },
    begun: async wait_ms_max => {
      const until_ms = performance.now() + wait_ms_max
      while (!certainty.isAt(performance.now()) && performance.now() < until_ms) {
        await prove()
        await sleep(BEGIN_LOOK_MS)
      }
    },
    stop: async () => {
      untrack()
      await follower.stop()
    },
  }
}
