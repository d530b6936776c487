/**
 * Limits the commands of this instance while projections are behind: pure, driven by looks and by a clock that is handed in.
 *
 * Every instance sees the same stream and the same projections, and takes its share of what may be stored in all. So their
 * sum settles at what the projections take, without any of them knowing the others.
 */

import {
  type Bounds,
  beginPace,
  boundsOf,
  type Judgement,
  judgePace,
  notePace,
  type Pace,
  type Sample,
} from './pace.js'
import { createShare } from './share.js'

/**
 * What a look found about the projections, by the names of their consumers; those that cannot be asked are left out. What follows the
 * stream in memory counts as one more, with a bound of its own (`FOLLOWER`).
 */
export type ProjectionLags = ReadonlyMap<string, Omit<Sample, 'at_ms'>>

/**
 * The follower of the transaction ids. A set that lacks more than half of the duplicate window no longer tells a new id from a
 * known one, and then each command costs the stream's server a reading (docs/adr/0063). So its bound is not the operator's to choose.
 */
export const FOLLOWER = 'transaction ids'
const FOLLOWER_BOUND_MS = 10_000

/** The projection that sets the limit, and the limit. */
export type Limit = {
  readonly consumer: string
  readonly behind_ms: number
  readonly bound_ms: number
  readonly commands_per_s: number
}

export type Control = {
  /** Whether that many commands may be taken now; the answer counts. */
  readonly admit: (commands: number, at_ms: number) => boolean
  readonly note: (look: ProjectionLags, at_ms: number) => void
  /** The limit in force. */
  readonly limit: (at_ms: number) => Limit | undefined
}

/**
 * An instance is admitted this part of all beyond its share: it keeps commands from being starved by publishers that nobody
 * can slow, and lets an instance that has just started come to its share. All of it settles slightly higher for it.
 */
const EXTRA_SHARE = 0.05
/** Findings that are older count no more: a lag that cannot be asked for must not hold up anything. */
const OLD_LOOKS = 10
const OLD_MS_MIN = 5_000

type Known = { readonly pace: Pace; readonly judgement: Judgement | undefined; readonly bounds: Bounds }

/** The tokens of the limit: they fill with time, and each command takes one. */
const createBucket = (burst_ms: number) => {
  let [tokens, filled_ms] = [0, 0]
  return {
    empty: (at_ms: number): void => {
      ;[tokens, filled_ms] = [0, at_ms]
    },
    take: (commands: number, per_s: number, at_ms: number): boolean => {
      const filled = tokens + (Math.max(0, at_ms - filled_ms) * per_s) / 1_000
      tokens = Math.min(filled, Math.max(1, (per_s * burst_ms) / 1_000))
      filled_ms = at_ms
      // a request of many commands may take more than is there: the commands after it wait for that
      if (tokens < Math.min(1, commands)) return false
      tokens -= commands
      return true
    },
  }
}

const tightest = (known: ReadonlyMap<string, Known>, share: number): Limit | undefined => {
  let found: Limit | undefined
  for (const [consumer, { judgement, bounds }] of known) {
    if (judgement?.events_per_s_max === undefined) continue
    const commands_per_s = judgement.events_per_s_max * (share + EXTRA_SHARE)
    if (commands_per_s < (found?.commands_per_s ?? Number.POSITIVE_INFINITY))
      found = { consumer, behind_ms: judgement.behind_ms, bound_ms: bounds.bound_ms, commands_per_s }
  }
  return found
}

const endOf = (look: ProjectionLags): number =>
  Math.max(0, ...[...look.values()].map(({ seq, lag_events }) => seq + lag_events))

/** A control without a limit, until looks say otherwise. `bounds` are those of every projection. */
export const createControl = (bounds: Bounds): Control => {
  const of_follower = boundsOf(FOLLOWER_BOUND_MS)
  const old_ms = Math.max(OLD_MS_MIN, bounds.look_ms * OLD_LOOKS)
  const known = new Map<string, Known>()
  const share = createShare()
  const bucket = createBucket(bounds.burst_ms)
  let admitted = 0
  let limit: Limit | undefined
  let last: { readonly at_ms: number; readonly end_seq: number } | undefined

  const noteProjection = (consumer: string, sample: Sample): void => {
    const before = known.get(consumer)
    const own = consumer === FOLLOWER ? of_follower : bounds
    const pace =
      before === undefined ? beginPace(sample, last !== undefined, own) : notePace(before.pace, sample, own)
    const judgement = judgePace(pace, sample.at_ms, before?.judgement, own)
    known.set(consumer, { pace, judgement, bounds: own })
  }

  const noteShare = (end_seq: number, at_ms: number): void => {
    // what was stored while nobody looked is no measure of what this instance admitted
    if (last !== undefined && at_ms - last.at_ms <= old_ms)
      share.note(admitted, end_seq - last.end_seq, at_ms - last.at_ms)
    admitted = 0
    last = { at_ms, end_seq }
  }

  const forgetOld = (at_ms: number): void => {
    for (const [consumer, { pace, bounds: own }] of known) {
      const seen_ms = pace.samples.at(-1)?.at_ms ?? at_ms
      if (at_ms - seen_ms > old_ms) known.set(consumer, { pace, judgement: undefined, bounds: own })
    }
  }

  const limitNow = (at_ms: number): Limit | undefined =>
    at_ms - (last?.at_ms ?? Number.NEGATIVE_INFINITY) > old_ms ? undefined : limit

  return {
    note: (look, at_ms) => {
      if (look.size === 0) return
      for (const [consumer, found] of look) noteProjection(consumer, { ...found, at_ms })
      forgetOld(at_ms)
      noteShare(endOf(look), at_ms)
      if (limit === undefined) bucket.empty(at_ms)
      limit = tightest(known, share.read())
    },
    limit: limitNow,
    admit: (commands, at_ms) => {
      const now = limitNow(at_ms)
      if (now !== undefined && !bucket.take(commands, now.commands_per_s, at_ms)) return false
      admitted += commands
      return true
    },
  }
}
