/** Defines the messages between the benchmark and its load clients: the jobs and the answers. */

import type { HistogramData } from './histogram.js'

/** The way in which requests follow each other in one load client. */
export type Pace =
  /** Full speed: the next request is sent as soon as one is answered. */
  | { readonly kind: 'full'; readonly in_flight: number }
  /** A fixed number of requests. Each one counts: there is no warm-up and no measured window. */
  | { readonly kind: 'count'; readonly requests: number; readonly in_flight: number }
  /** A fixed rate, whether or not the answers keep up. */
  | {
      readonly kind: 'paced'
      readonly requests_per_s: number
      /** The time of the first request as a part of the time between two, so that several clients do not send together. */
      readonly phase?: number
    }

export type Job = {
  /** A name in bench/work/index.ts. */
  readonly work: string
  readonly pace: Pace
  readonly warm_up_ms: number
  readonly measure_ms: number
  /** The seed of the random choices, different for each client and run. */
  readonly seed: number
}

export type Measured = {
  /** The number of accepted commands, events or answers. A request that is partly within the window counts in part. */
  readonly accepted: number
  /** The number of requests in which anything was accepted, counted in the same way. */
  readonly requests: number
  /** The time from the first request to the last answer, for the pace `count`. */
  readonly elapsed_ms?: number
  /** The number of errors by code. */
  readonly errors: Readonly<Record<string, number>>
  /** The latencies of requests in which anything was accepted: a refusal is quick and would make them look better. */
  readonly latencies: HistogramData
  /** Everything that a load client sent, also before and after the measured window; it says what must be stored. */
  readonly in_all?: Result
}

export type ClientMessage =
  | { readonly tag: 'ready' }
  | { readonly tag: 'measured'; readonly measured: Measured }
  /** The subject has no subscriber. */
  | { readonly tag: 'unanswered' }
  | { readonly tag: 'failed'; readonly message: string }

/** The result of one request. */
export type Result = { readonly accepted: number; readonly errors?: Readonly<Record<string, number>> }

/** Makes one request and waits for its answer; never rejects. */
export type Operation = () => Promise<Result>

export const NO_RESPONDERS = 'NO_RESPONDERS'
