/**
 * A progress bar for long work. On a terminal it is one line that is redrawn up to ten times a second, elsewhere a
 * plain line every five seconds. It goes to standard error, so that the result on standard output can be piped.
 */

import { tell } from '../process/output.js'
import { drawStatusLine, hideStatusLine } from '../process/status-line.js'

export type ProgressBar = {
  /** `total` may grow. What is done at the first call was done before, and is no part of the rate. */
  readonly update: (done: number, total: number) => void
  /** Replaces the bar by a last line with the amount of work and its time. Can be called again. */
  readonly end: () => void
}

const BAR_CHARS = 20
const REDRAW_MS = 100
const PLAIN_LINE_MS = 5_000
/** A rate of the first moments says nothing about the rest. */
const RATE_AFTER_MS = 1_000

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`

/** How far the work is. `before` was done when the bar began, `elapsed_ms` ago. */
export type Progress = {
  readonly done: number
  readonly total: number
  readonly before: number
  readonly elapsed_ms: number
}

/** The line of the bar, at most 79 characters for numbers below a thousand million and labels of 20. */
export const progressLine = (
  label: string,
  unit: string,
  { done, total, before, elapsed_ms }: Progress,
): string => {
  const share = total === 0 ? 1 : Math.min(done / total, 1)
  const bar = '#'.repeat(Math.round(share * BAR_CHARS)).padEnd(BAR_CHARS, '.')
  const gained = done - before
  const amounts = `${label} [${bar}] ${Math.floor(share * 100)} % ${done}/${total} ${unit}`
  if (gained <= 0 || elapsed_ms < RATE_AFTER_MS) return amounts
  const per_s = gained / (elapsed_ms / 1000)
  const left_s = Math.max(total - done, 0) / per_s
  return `${amounts} ${Math.round(per_s)}/s ${Math.ceil(left_s)} s left`
}

/** Starts a bar. `unit` names what the numbers of `update` count, e.g. `events`. */
export const startProgressBar = (label: string, unit: string): ProgressBar => {
  const { isTTY } = process.stderr
  const began_ms = performance.now()
  let drawn_ms = isTTY ? Number.NEGATIVE_INFINITY : began_ms
  let before: number | undefined
  let last = 0
  let has_ended = false

  return {
    update: (done, total) => {
      before ??= done
      last = done
      const now_ms = performance.now()
      if (has_ended || now_ms - drawn_ms < (isTTY ? REDRAW_MS : PLAIN_LINE_MS)) return
      drawn_ms = now_ms
      const line = progressLine(label, unit, { done, total, before, elapsed_ms: now_ms - began_ms })
      if (isTTY) drawStatusLine(line)
      else tell(line)
    },
    end: () => {
      if (has_ended) return
      has_ended = true
      hideStatusLine()
      tell(`${label}: ${last - (before ?? 0)} ${unit} in ${seconds(performance.now() - began_ms)}`)
    },
  }
}
