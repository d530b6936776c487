/** The types of the checker's report on a run. */

/** One broken promise. `ops` are the numbers of the calls, `seqs` the stream sequences of the entries, that prove it. */
export type Violation = {
  readonly check: string
  readonly text: string
  readonly ops: readonly number[]
  readonly seqs: readonly number[]
}

/** `cases` is the number of cases that the check looked at: a check without any case has proved nothing. */
export type CheckResult = {
  readonly name: string
  /** The promise, in a sentence. */
  readonly promise: string
  readonly cases: number
  /** The number of all violations; a report shows only the first of them. */
  readonly violations: number
}

/** The results and times of the calls of one kind. */
export type KindSummary = {
  readonly kind: string
  readonly calls: number
  /** Calls that did what they asked for. */
  readonly succeeded: number
  /** Calls answered with an error that tells whether anything was stored. */
  readonly refused: number
  /** Calls without an answer, or with one that says that the outcome is unknown. */
  readonly unknown: number
  readonly p50_ms: number
  readonly p99_ms: number
  readonly max_ms: number
}

export type Report = {
  readonly is_good: boolean
  readonly checks: readonly CheckResult[]
  readonly violations: readonly Violation[]
  readonly kinds: readonly KindSummary[]
  readonly events: number
  readonly customers: number
  /** One text for each thing that could not be checked; a run with problems is not good. */
  readonly problems: readonly string[]
}
