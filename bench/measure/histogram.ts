/**
 * Keeps latencies as a histogram, which needs constant memory for a run of any length, can be merged over processes, and
 * gives every percentile to within 1.6 %.
 *
 * Values below 128 us have a bucket each; above, every power of two is cut into 64 buckets of equal width.
 */

/** The content of a histogram. `counts` has only the used buckets, as `[bucket, count]`, so it is small enough to send. */
export type HistogramData = {
  readonly counts: readonly (readonly [number, number])[]
  readonly max_us: number
}

export type Histogram = {
  readonly record: (value_us: number) => void
  readonly merge: (other: HistogramData) => void
  readonly count: () => number
  readonly max_us: () => number
  /** The value that `percent` of the recorded values do not exceed; undefined when none is recorded. */
  readonly percentile_us: (percent: number) => number | undefined
  readonly data: () => HistogramData
}

const SUB_BUCKETS = 64
const SUB_BUCKET_BITS = 6
/** The largest value, over half an hour: no request takes so long. */
const VALUE_US_MAX = 2 ** 31 - 1

const bucketOf = (value_us: number): number => {
  const shift = Math.max(0, 31 - Math.clz32(value_us) - SUB_BUCKET_BITS)
  return shift * SUB_BUCKETS + (value_us >>> shift)
}

const upperEndOf = (bucket: number): number => {
  const shift = Math.max(0, Math.floor(bucket / SUB_BUCKETS) - 1)
  return (bucket - shift * SUB_BUCKETS + 1) * 2 ** shift - 1
}

const BUCKETS = bucketOf(VALUE_US_MAX) + 1

export const createHistogram = (): Histogram => {
  const counts = new Float64Array(BUCKETS)
  let count = 0
  let max_us = 0

  const add = (bucket: number, times: number): void => {
    counts[bucket] = (counts[bucket] ?? 0) + times
    count += times
  }

  return {
    record: value_us => {
      const value = Math.min(VALUE_US_MAX, Math.max(0, Math.round(value_us)))
      add(bucketOf(value), 1)
      max_us = Math.max(max_us, value)
    },
    merge: other => {
      for (const [bucket, times] of other.counts) add(bucket, times)
      max_us = Math.max(max_us, other.max_us)
    },
    count: () => count,
    max_us: () => max_us,
    percentile_us: percent => {
      if (count === 0) return undefined
      const rank = Math.max(1, Math.ceil((percent / 100) * count))
      let seen = 0
      const bucket = counts.findIndex(times => {
        seen += times
        return seen >= rank
      })
      return Math.min(max_us, upperEndOf(bucket))
    },
    data: () => ({
      counts: [...counts].flatMap((times, bucket) => (times > 0 ? [[bucket, times] as const] : [])),
      max_us,
    }),
  }
}
