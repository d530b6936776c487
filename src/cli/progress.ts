/**
 * A progress bar for long work: one line on the terminal, redrawn a few times a second; without a terminal a plain
 * line every few seconds. It goes to standard error, so that a result can be piped.
 */

export type Progress = {
  /** `total` may grow. */
  readonly update: (done: number, total: number) => void
  /** Ends the line; says how much was done at what rate. */
  readonly end: () => void
}

const BAR_CHARS = 30
const REDRAW_MS = 100
const PLAIN_LINE_MS = 5_000

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`

/** `unit` is what `update`'s numbers count, e.g. `events`. */
export const startProgress = (label: string, unit: string): Progress => {
  const { isTTY } = process.stderr
  const began_ms = performance.now()
  let drawn_ms = isTTY ? Number.NEGATIVE_INFINITY : began_ms
  let last = 0
  let ended = false

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
      if (ended) return
      ended = true
      const text = `${label}: ${last} ${unit} in ${seconds(performance.now() - began_ms)}`
      process.stderr.write(isTTY ? `\r\u001b[2K${text}\n` : `${text}\n`)
    },
  }
}
