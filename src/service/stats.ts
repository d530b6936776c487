/**
 * The counters of one endpoint, as ADR-32's STATS reports them.
 *
 * Durations are added up as bigint nanoseconds, because a sum of doubles would drift; STATS shows them as JSON numbers.
 */

import type { ServiceError } from './error.js'
import type { EndpointStats } from './protocol.js'

/** The fields of ADR-32's EndpointStats that are counted here. */
type Counts = Pick<
  EndpointStats,
  'num_requests' | 'num_errors' | 'last_error' | 'processing_time' | 'average_processing_time'
>

export type Counters = {
  /** Counts a request that arrived, whatever its outcome. */
  readonly countRequest: () => void
  /** Counts a reply that was sent `elapsed_ns` after its request arrived; `error` is absent for a success. */
  readonly countReply: (elapsed_ns: bigint, error?: Pick<ServiceError, 'status' | 'code'>) => void
  /** The counts now. The average is truncated to whole nanoseconds, and 0 before the first request (ADR-32). */
  readonly counts: () => Counts
}

/** Makes counters that begin at zero. */
export const createCounters = (): Counters => {
  let num_requests = 0
  let num_errors = 0
  let last_error = ''
  let processing_ns = 0n
  return {
    countRequest: () => {
      num_requests += 1
    },
    countReply: (elapsed_ns, error) => {
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
