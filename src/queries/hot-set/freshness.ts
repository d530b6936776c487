/**
 * Computes the greatest age that an answer from memory can have. The stream's end was proved at some moment
 * (stream/leadership.ts): an answer with every event up to that end has everything that was acknowledged before it.
 *
 * The age is computed at the moment of answering and not by a timer: a process that was stopped for a minute, or whose
 * event loop hung, answers the waiting requests before any timer runs. Pure; all times are of a clock that never goes
 * back.
 */

export type Freshness = {
  /** Notes a proof, asked for at `asked_ms`, that the stream ends at `last_seq`. The follower is at `position`. */
  readonly proved: (last_seq: number, asked_ms: number, position: number) => void
  /** Notes that the follower came to `position`. */
  readonly reached: (position: number) => void
  /** Notes that the follower begins anew after `position`, perhaps in another stream. */
  readonly restarted: (position: number) => void
  /** Whether memory may answer without giving its age. */
  readonly isFresh: () => boolean
  /** Whether the stream's end was proved within `age_ms_max`, wherever the follower is. */
  readonly isProved: () => boolean
  /** The greatest age of an answer that has every event up to `seq`; infinite when no proof covers it. */
  readonly age_ms: (seq: number) => number
}

export type FreshnessBounds = {
  /** Memory answers only for this long after a proof whose end the follower has reached. */
  readonly age_ms_max: number
  /** Memory is used only when it has every event that the stream held this long ago. */
  readonly behind_ms_max: number
}

type Proved = { readonly seq: number; readonly asked_ms: number }

const NOTHING: Proved = { seq: Number.POSITIVE_INFINITY, asked_ms: Number.NEGATIVE_INFINITY }

export const createFreshness = (
  { age_ms_max, behind_ms_max }: FreshnessBounds,
  now_ms: () => number,
): Freshness => {
  /** The newest proof whose end the follower has reached. */
  let held = NOTHING
  /** The oldest and the newest proof whose end it has not reached: the oldest is late first, the newest is held next. */
  let oldest: Proved | undefined
  let newest: Proved | undefined
  /** Memory is fresh until this time: with it an answer from memory costs one comparison. */
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
      if (held !== NOTHING && position < held.seq) {
        // the stream is a shorter one now: proofs of the old one would be overdue until it has grown as long
        held = NOTHING
        oldest = undefined
        newest = undefined
      }
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
      const covering = [newest, oldest, held].find(proof => proof !== undefined && seq >= proof.seq)
      return now_ms() - (covering ?? NOTHING).asked_ms
    },
  }
}
