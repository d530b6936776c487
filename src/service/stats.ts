/**
 * The counters of one endpoint, as ADR-32's STATS reports them.
 *
 * Durations are bigint nanoseconds inside, since a sum of doubles would drift; they become JSON numbers on the way out.
 */

import type { ServiceError } from './error.js'
import type { EndpointStats } from './protocol.js'

/** The counted part of ADR-32's EndpointStats. */
type Counts = Pick<
  EndpointStats,
  'num_requests' | 'num_errors' | 'last_error' | 'processing_time' | 'average_processing_time'
>

export type Counters = {
  /** A request arrived; it counts from here on, whatever becomes of it. */
  readonly received: () => void
  /** A request was answered, `elapsed_ns` after it arrived, with `error` unless it went well. */
  readonly answered: (elapsed_ns: bigint, error?: Pick<ServiceError, 'status' | 'code'>) => void
  /** The counts now. The average is truncated to whole nanoseconds, and 0 before the first request (ADR-32). */
  readonly counts: () => Counts
}

/** Counters at zero. */
export const createCounters = (): Counters => {
  let num_requests = 0
  let num_errors = 0
  let last_error = ''
  let processing_ns = 0n
  return {
    received: () => {
      num_requests += 1
    },
    answered: (elapsed_ns, error) => {
      processing_ns += elapsed_ns
      if (error === undefined) return
      num_errors += 1
      last_error = `${error.status}:${error.code}`
    },
    counts: () => ({
      num_requests,
      num_errors,
      last_error,
      processing_time: Number(processing_ns),
      average_processing_time: num_requests === 0 ? 0 : Number(processing_ns / BigInt(num_requests)),
    }),
  }
}
