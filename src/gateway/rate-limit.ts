/**
 * The rate limit: a bucket of requests per caller, filled at a steady rate.
 */

export type RateLimit = {
  /** Takes one request from the bucket of `caller`. Gives 0, or the milliseconds until there is one again. */
  readonly take: (caller: string, now_ms?: number) => number
}

/** The largest number of callers that are remembered; the one that was idle longest is forgotten first. */
const CALLERS_MAX = 10_000
/** A caller may save up the requests of two seconds. */
const BURST_S = 2

type Bucket = { readonly left: number; readonly at_ms: number }

export const createRateLimit = (per_second: number): RateLimit => {
  const buckets = new Map<string, Bucket>()
  const size = per_second * BURST_S
  return {
    take: (caller, now_ms = performance.now()) => {
      const before = buckets.get(caller) ?? { left: size, at_ms: now_ms }
      const filled = Math.min(size, before.left + ((now_ms - before.at_ms) / 1_000) * per_second)
      const is_allowed = filled >= 1
      // moves the caller to the end of the map's order: the first key is the caller that was idle longest
      buckets.delete(caller)
      buckets.set(caller, { left: is_allowed ? filled - 1 : filled, at_ms: now_ms })
      const [oldest] = buckets.keys()
      if (buckets.size > CALLERS_MAX && oldest !== undefined) buckets.delete(oldest)
      return is_allowed ? 0 : Math.ceil(((1 - filled) / per_second) * 1_000)
    },
  }
}
