/**
 * A progress bar for long work. On a terminal it is one line that is redrawn up to ten times a second, elsewhere a
 * plain line every five seconds. It goes to standard error, so that the result on standard output can be piped.
 */

export type ProgressBar = {
  /** `total` may grow. */
  readonly update: (done: number, total: number) => void
  /** Replaces the bar by a last line with the amount of work and its time. Can be called again. */
  readonly end: () => void
}

const BAR_CHARS = 30
const REDRAW_MS = 100
const PLAIN_LINE_MS = 5_000

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`

/** Starts a bar. `unit` names what the numbers of `update` count, e.g. `events`. */
export const startProgressBar = (label: string, unit: string): ProgressBar => {
  const { isTTY } = process.stderr
  const began_ms = performance.now()
  let drawn_ms = isTTY ? Number.NEGATIVE_INFINITY : began_ms
  let last = 0
  let has_ended = false

  const line = (done: number, total: number): string => {
    const elapsed_ms = performance.now() - began_ms
    const rate = Math.round((done / Math.max(elapsed_ms, 1)) * 1000)
    const share = total === 0 ? 1 : Math.min(done / total, 1)
    const bar = '#'.repeat(Math.round(share * BAR_CHARS)).padEnd(BAR_CHARS, '.')
    const left = done === 0 ? '' : `, ${seconds((elapsed_ms / done) * Math.max(total - done, 0))} left`
    return `${label} [${bar}] ${Math.floor(share * 100)} % ${done}/${total} ${unit}, ${rate}/s${left}`
  }

  return {
    update: (done, total) => {
      last = done
      const now_ms = performance.now()
      if (now_ms - drawn_ms < (isTTY ? REDRAW_MS : PLAIN_LINE_MS)) return
      drawn_ms = now_ms
      process.stderr.write(isTTY ? `\r\u001b[2K${line(done, total)}` : `${line(done, total)}\n`)
    },
    end: () => {
      if (has_ended) return
      has_ended = true
      const text = `${label}: ${last} ${unit} in ${seconds(performance.now() - began_ms)}`
      process.stderr.write(isTTY ? `\r\u001b[2K${text}\n` : `${text}\n`)
    },
  }
}
