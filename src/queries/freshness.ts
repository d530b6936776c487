/**
 * Whether the follower is known to be behind: the stream's leader told of an event that has not come here for too long.
 *
 * While the leader says nothing (it is being elected, NATS is away) nothing new is stored either, and reads go on.
 */

export type Freshness = {
  /** The leader's last sequence, asked for at `asked_ms`, while the follower was at `position`. */
  readonly told: (last_seq: number, asked_ms: number, position: number) => void
  /** The follower came to `position`. */
  readonly reached: (position: number) => void
  /** Whether something that the stream held `behind_ms_max` before `now_ms()` has not come yet. */
  readonly isBehind: () => boolean
}

type Target = { readonly seq: number; readonly asked_ms: number }

/** Before the leader has told anything, nothing is known to be fresh. */
const UNKNOWN: Target = { seq: Number.POSITIVE_INFINITY, asked_ms: Number.NEGATIVE_INFINITY }

/** @param now_ms a clock that never goes back, the one of `asked_ms` */
export const createFreshness = (behind_ms_max: number, now_ms: () => number): Freshness => {
  let target: Target | undefined = UNKNOWN
  return {
    told: (seq, asked_ms, position) => {
      if (position >= seq) target = undefined
      // the oldest that is open counts: a newer one would never be late
      else if (target === undefined || target === UNKNOWN) target = { seq, asked_ms }
    },
    reached: position => {
      if (target !== undefined && position >= target.seq) target = undefined
    },
    isBehind: () => target !== undefined && now_ms() - target.asked_ms > behind_ms_max,
  }
}
