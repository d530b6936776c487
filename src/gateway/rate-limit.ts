/**
 * The rate limit: a bucket of requests per caller, filled at a steady rate.
 */

export type RateLimit = {
  /**
   * Takes one request from the bucket of `caller`. Gives 0, or the milliseconds until there is one again. A caller may have
   * a rate of its own; 0 is no limit.
   */
  readonly take: (caller: string, now_ms?: number, per_second?: number) => number
  /** Takes further requests, also those that are not there: the caller then waits the longer for its next one. */
  readonly charge: (caller: string, requests: number, per_second: number, now_ms?: number) => void
}

/** The largest number of callers that are remembered; the one that was idle longest is forgotten first. */
const CALLERS_MAX = 10_000
/** A caller may save up the requests of two seconds. */
const BURST_S = 2

type Bucket = { readonly left: number; readonly at_ms: number }

export const createRateLimit = (per_second_of_all: number): RateLimit => {
  const buckets = new Map<string, Bucket>()

  const filledAt = (caller: string, now_ms: number, per_second: number): number => {
    const size = per_second * BURST_S
    const before = buckets.get(caller) ?? { left: size, at_ms: now_ms }
    return Math.min(size, before.left + ((now_ms - before.at_ms) / 1_000) * per_second)
  }

  const keep = (caller: string, bucket: Bucket): void => {
    // moves the caller to the end of the map's order: the first key is the caller that was idle longest
    buckets.delete(caller)
    buckets.set(caller, bucket)
    const [oldest] = buckets.keys()
    if (buckets.size > CALLERS_MAX && oldest !== undefined) buckets.delete(oldest)
  }

  return {
    take: (caller, now_ms = performance.now(), per_second = per_second_of_all) => {
      if (per_second === 0) return 0
      const filled = filledAt(caller, now_ms, per_second)
      const is_allowed = filled >= 1
      keep(caller, { left: is_allowed ? filled - 1 : filled, at_ms: now_ms })
      return is_allowed ? 0 : Math.ceil(((1 - filled) / per_second) * 1_000)
    },
    charge: (caller, requests, per_second, now_ms = performance.now()) => {
      keep(caller, { left: filledAt(caller, now_ms, per_second) - requests, at_ms: now_ms })
    },
  }
}
