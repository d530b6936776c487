/**
 * The last word: no ask stays open for longer than its bound, whatever it waits for. What was not sent to the stream is
 * then not stored, and never will be; of the rest nobody knows.
 */

import { type Ask, failAll } from './ask.js'

export type OpenAsks = {
  readonly add: (ask: Ask) => void
  readonly remove: (ask: Ask) => void
  readonly size: () => number
  /** Resolves when none is open. */
  readonly none: () => Promise<void>
}

/** A bound is kept to a quarter of itself. */
const CHECKS = 4

/** `bound_ms` is counted from when an ask is added. */
export const createOpenAsks = (bound_ms: number): OpenAsks => {
  const since_ms = new Map<Ask, number>()
  let isWatching = false
  let waiting: (() => void)[] = []

  const check = (): void => {
    isWatching = false
    const now_ms = performance.now()
    for (const [ask, added_ms] of since_ms) {
      // they were added in the order of their time
      if (now_ms - added_ms < bound_ms) break
      since_ms.delete(ask)
      failAll([ask], 'UNAVAILABLE')
    }
    if (since_ms.size > 0) watch()
  }

  const watch = (): void => {
    if (isWatching) return
    isWatching = true
    setTimeout(check, bound_ms / CHECKS).unref()
  }

  return {
    add: ask => {
      since_ms.set(ask, performance.now())
      watch()
    },
    remove: ask => {
      since_ms.delete(ask)
      if (since_ms.size > 0) return
      for (const resolve of waiting) resolve()
      waiting = []
    },
    size: () => since_ms.size,
    none: () =>
      new Promise(resolve => {
        if (since_ms.size === 0) resolve()
        else waiting.push(resolve)
      }),
  }
}
