/**
 * How old an answer from memory can be, at the most: the stream's end was proved at a moment (stream/leadership.ts), and what
 * holds everything up to that end holds everything that was acknowledged before that moment.
 *
 * The age is told at the moment of answering and not by a timer: a process that was stopped for a minute, or whose event
 * loop hung, answers what waited for it before any timer runs. Pure; all times are of a clock that never goes back.
 */

export type Freshness = {
  /** A proof that was asked for at `asked_ms`: the stream ends at `last_seq`. The follower is at `position`. */
  readonly proved: (last_seq: number, asked_ms: number, position: number) => void
  /** The follower came to `position`. */
  readonly reached: (position: number) => void
  /** The follower begins anew behind `position`, perhaps in another stream. */
  readonly restarted: (position: number) => void
  /** Whether memory may answer without a word about its age. */
  readonly isFresh: () => boolean
  /** Whether the stream's end was proved within `age_ms_max`, wherever the follower is. */
  readonly isProved: () => boolean
  /** The most that an answer can be old which holds everything up to `seq`; infinite while nothing was proved. */
  readonly age_ms: (seq: number) => number
}

export type FreshnessBounds = {
  /** Memory answers only within so long after a proof that it has come up to. */
  readonly age_ms_max: number
  /** What the stream held longer ago than this has to be in the memory, or the memory is not used. */
  readonly behind_ms_max: number
}

type Proved = { readonly seq: number; readonly asked_ms: number }

const NOTHING: Proved = { seq: Number.POSITIVE_INFINITY, asked_ms: Number.NEGATIVE_INFINITY }

export const createFreshness = (
  { age_ms_max, behind_ms_max }: FreshnessBounds,
  now_ms: () => number,
): Freshness => {
  /** The newest proof that the follower has come up to. */
  let held = NOTHING
  /** The oldest and the newest proof that it has not: the oldest is late first, the newest is the next one held. */
  let oldest: Proved | undefined
  let newest: Proved | undefined
  /** So that an answer from memory costs one comparison. */
  let fresh_until_ms = Number.NEGATIVE_INFINITY

  const settle = (): void => {
    const late_ms = oldest === undefined ? Number.POSITIVE_INFINITY : oldest.asked_ms + behind_ms_max
    fresh_until_ms = Math.min(held.asked_ms + age_ms_max, late_ms)
  }

  const reached = (position: number): void => {
    if (oldest === undefined || position < oldest.seq) return
    if (newest !== undefined && position >= newest.seq) {
      held = newest
      oldest = undefined
      newest = undefined
    } else {
      held = oldest
      oldest = newest
    }
    settle()
  }

  return {
    reached,
    restarted: position => {
      if (position < held.seq) held = NOTHING
      settle()
      reached(position)
    },
    proved: (seq, asked_ms, position) => {
      reached(position)
      const proof = { seq, asked_ms }
      if (position >= seq) {
        if (asked_ms > held.asked_ms) held = proof
      } else {
        oldest ??= proof
        newest = proof
      }
      settle()
    },
    isFresh: () => now_ms() <= fresh_until_ms,
    isProved: () => now_ms() - Math.max(held.asked_ms, newest?.asked_ms ?? held.asked_ms) <= age_ms_max,
    age_ms: seq => {
      const good = [newest, oldest, held].find(proof => proof !== undefined && seq >= proof.seq)
      return now_ms() - (good ?? NOTHING).asked_ms
    },
  }
}
