/** What the checker says of a run. */

/** One broken promise, with what proves it: calls of the history by their numbers, entries of the stream by theirs. */
export type Violation = {
  readonly check: string
  readonly text: string
  readonly ops: readonly number[]
  readonly seqs: readonly number[]
}

/** `cases` is how often the check had something to look at: one that had nothing has shown nothing. */
export type CheckResult = {
  readonly name: string
  /** The promise, in a sentence. */
  readonly promise: string
  readonly cases: number
  /** How many there are in all; a report shows only the first of them. */
  readonly violations: number
}

/** How calls of one kind went. */
export type KindSummary = {
  readonly kind: string
  readonly calls: number
  /** Done as it was asked for. */
  readonly succeeded: number
  /** Answered with an error that says what it means. */
  readonly refused: number
  /** No answer, or one that says that nobody knows. */
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
  /** What could not be checked, and why; such a run is not good. */
  readonly problems: readonly string[]
}
