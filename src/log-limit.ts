/**
 * Bounds how often the same thing is logged: an outage under load must not fill a disk with one line for each request.
 */

import type { Logger } from 'pino'

/** Of each key so many lines are written within the period. Enough to show several causes. */
const LINES_MAX = 20
const PERIOD_MS = 10_000

type Kept = { readonly begun_ms: number; lines: number; unlogged: number }

/**
 * What to add to a line: `unlogged` is the number of lines of its key that were left out since the last one. Undefined when the
 * line is not to be written.
 */
type LogLimit = (key: string) => { readonly unlogged?: number } | undefined

/** Makes a limit of its own. Its keys are kept for ever, so no key may hold what a caller has sent. */
export const createLogLimit = (now_ms: () => number = () => performance.now()): LogLimit => {
  const all = new Map<string, Kept>()
  return key => {
    const before = all.get(key)
    const at_ms = now_ms()
    if (before === undefined || at_ms - before.begun_ms >= PERIOD_MS) {
      all.set(key, { begun_ms: at_ms, lines: 1, unlogged: 0 })
      return before === undefined || before.unlogged === 0 ? {} : { unlogged: before.unlogged }
    }
    if (before.lines >= LINES_MAX) {
      before.unlogged += 1
      return undefined
    }
    before.lines += 1
    return {}
  }
}

/**
 * A logger like `log` that writes some of the warnings and errors with the same text. For what is said of each request or command; not
 * for what names something that a person has to mend.
 */
export const limitedLog = (log: Logger): Logger => {
  const limit = createLogLimit()
  const limited =
    (level: 'warn' | 'error') =>
    (details: object, text: string): void => {
      const more = limit(text)
      if (more !== undefined) log[level]({ ...details, ...more }, text)
    }
  return Object.create(log, { warn: { value: limited('warn') }, error: { value: limited('error') } })
}
