/** What is asked of a load client, and what it answers: the messages between the processes. */

import type { HistogramData } from './histogram.js'

/** How requests follow each other, in one load client. */
export type Pace =
  /** Full speed: as soon as one is answered the next one goes out. */
  | { readonly kind: 'full'; readonly in_flight: number }
  /** A fixed rate, whether or not the answers keep up. */
  /** So many requests and no more, each counted; there is no window. */
  | { readonly kind: 'count'; readonly requests: number; readonly in_flight: number }
  | {
      readonly kind: 'paced'
      readonly requests_per_s: number
      /** When the first one is due, in parts of the time between two: clients side by side do not send together. */
      readonly phase?: number
    }

export type Job = {
  /** A name in bench/work/index.ts. */
  readonly work: string
  readonly pace: Pace
  readonly warm_up_ms: number
  readonly measure_ms: number
  /** Of the random choices; a different one for each client and run. */
  readonly seed: number
}

export type Measured = {
  /** What was asked for and granted: commands, events, answers. A request partly within the window counts in part. */
  readonly accepted: number
  /** Requests with anything accepted, counted in the same way. */
  readonly requests: number
  /** From the first request to the last answer, where a number of requests was asked for. */
  readonly elapsed_ms?: number
  /** Everything else, by the code of its error. */
  readonly errors: Readonly<Record<string, number>>
  /** Of the requests with anything accepted: a refusal is quick and would flatter. */
  readonly latencies: HistogramData
}

export type Answer =
  | { readonly tag: 'ready' }
  | { readonly tag: 'measured'; readonly measured: Measured }
  /** Nobody subscribes to the subject. */
  | { readonly tag: 'unanswered' }
  | { readonly tag: 'failed'; readonly message: string }

/** What one request came to. */
export type Result = { readonly accepted: number; readonly errors?: Readonly<Record<string, number>> }

/** Makes one request and waits for its answer; never rejects. */
export type Operation = () => Promise<Result>

export const NO_RESPONDERS = 'NO_RESPONDERS'
