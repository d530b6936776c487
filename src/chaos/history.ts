/**
 * The history of a chaos run: what its clients asked and were answered, one line of JSON each, in `history.jsonl`.
 *
 * A call is written down before it is sent and its end after it was read, with the times of one clock that every process of
 * a machine shares. So the history never says that a call began later, or ended earlier, than it did, and the checker
 * (src/chaos/checker) may conclude from it what was stored before what. Nothing is interpreted here: an answer is kept as
 * it came.
 */

import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'

/** What a call is to its client: for counts and percentiles. What it means is in its subject and body. */
export type Kind =
  | 'credit'
  | 'debit'
  | 'transfer'
  | 'batch'
  | 'event'
  | 'raw'
  | 'transaction'
  | 'balance'
  | 'min_version'
  | 'strong'
  | 'as_of'
  | 'statement'
  | 'list'

/** `wall_ms` is the machine's wall clock at `at_us`, for people who read logs beside the history. */
type Begin = {
  readonly tag: 'begin'
  readonly at_us: number
  readonly wall_ms: number
  readonly seed: number
}

export type Call = {
  readonly tag: 'call'
  /** Numbers calls from 1, over all clients. */
  readonly op: number
  readonly at_us: number
  readonly client: number
  /** The client group, whose connections may be cut off together. */
  readonly via: string
  readonly kind: Kind
  readonly subject: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

type Answer = {
  readonly tag: 'answer'
  readonly op: number
  readonly at_us: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** No answer came. `no responders`: the server said that it gave the request to nobody. */
export type Failure = {
  readonly tag: 'failure'
  readonly op: number
  readonly at_us: number
  readonly reason: 'timeout' | 'no responders' | 'other'
  readonly message: string
}

/** Something that the run did: a fault that began or ended. */
type Note = { readonly tag: 'note'; readonly at_us: number; readonly text: string }

export type Line = Begin | Call | Answer | Failure | Note

const HISTORY_FILE = 'history.jsonl'

/** Microseconds of the machine's monotonic clock, the same for all processes. */
export const nowUs = (): number => Number(process.hrtime.bigint() / 1_000n)

export type History = {
  /** Appends a line; it is with the operating system when this returns. */
  readonly write: (line: Line) => void
  readonly close: () => void
}

/** Begins a history in `directory`, which must have none yet and is made if it is missing. `onLine` hears every line, for a live report. */
export const openHistory = (directory: string, onLine: (line: Line) => void = () => undefined): History => {
  mkdirSync(directory, { recursive: true })
  // a run has a history of its own: two of them in one file could not be told apart
  const file = openSync(join(directory, HISTORY_FILE), 'wx')
  let is_open = true
  return {
    write: line => {
      if (!is_open) return
      writeSync(file, `${JSON.stringify(line)}\n`)
      onLine(line)
    },
    close: () => {
      if (is_open) closeSync(file)
      is_open = false
    },
  }
}
