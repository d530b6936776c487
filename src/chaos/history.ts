/**
 * Writes the history of a chaos run: the questions of its clients and the answers, one line of JSON each, in `history.jsonl`.
 *
 * A call is written before it is sent, and its end after it was read, with the times of one clock that all processes of a
 * machine share. So the history never shows a call as beginning later, or ending earlier, than it did, and the checker
 * (src/chaos/checker) can conclude from it which event was stored before which. Answers are kept as they came, without
 * interpretation.
 */

import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'

/** The kind of a call, for counts and percentiles. The subject and the body have the full meaning. */
export type Kind =
  | 'credit'
  | 'debit'
  | 'transfer'
  | 'hold'
  | 'capture'
  | 'release'
  | 'limit'
  | 'restrict'
  | 'reverse'
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

/** The first line. `wall_ms` is the machine's wall clock at `at_us`, for people who compare the history with logs. */
type Begin = {
  readonly tag: 'begin'
  readonly at_us: number
  readonly wall_ms: number
  readonly seed: number
}

export type Call = {
  readonly tag: 'call'
  /** The number of the call, counted from 1 over all clients. */
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

type CallAnswer = {
  readonly tag: 'answer'
  readonly op: number
  readonly at_us: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** A call without an answer. `no responders`: the server said that no service received the request. */
export type UnansweredCall = {
  readonly tag: 'failure'
  readonly op: number
  readonly at_us: number
  readonly reason: 'timeout' | 'no responders' | 'other'
  readonly message: string
}

/** An action of the run itself: a fault began or ended. */
type Note = { readonly tag: 'note'; readonly at_us: number; readonly text: string }

export type HistoryLine = Begin | Call | CallAnswer | UnansweredCall | Note

const HISTORY_FILE = 'history.jsonl'

/** Microseconds of the machine's monotonic clock, the same for all processes. */
export const nowUs = (): number => Number(process.hrtime.bigint() / 1_000n)

export type History = {
  /** Appends a line; the operating system has it when this function returns. */
  readonly write: (line: HistoryLine) => void
  readonly close: () => void
}

/**
 * Begins a history in `directory`, which is created if it is missing. Throws when the directory has a history already.
 * `onLine` is called with every line, for a live report.
 */
export const openHistory = (
  directory: string,
  onLine: (line: HistoryLine) => void = () => undefined,
): History => {
  mkdirSync(directory, { recursive: true })
  // each run needs its own file: two histories in one file could not be told apart
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
