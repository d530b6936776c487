/**
 * The last word: no ask stays open for longer than its bound, whatever it waits for. What was not sent to the stream is
 * then not stored, and never will be; of the rest nobody knows.
 */

import { type Ask, failAll } from './ask.js'

export type OpenAsks = {
  readonly add: (ask: Ask) => void
  readonly remove: (ask: Ask) => void
  /** How many commands the open ones have. */
  readonly commands: () => number
  /** Resolves when none is open. */
  readonly none: () => Promise<void>
}

/** A bound is kept to a quarter of itself. */
const CHECKS = 4

/** `bound_ms` is counted from when an ask was opened; they have to be added in that order. */
export const createOpenAsks = (bound_ms: number): OpenAsks => {
  const open = new Set<Ask>()
  let commands = 0
  let isWatching = false
  let waiting: (() => void)[] = []

  const check = (): void => {
    isWatching = false
    const now_ms = performance.now()
    for (const ask of open) {
      if (now_ms - ask.opened_ms < bound_ms) break
      failAll([ask], 'UNAVAILABLE')
    }
    if (open.size > 0) watch()
  }

  const watch = (): void => {
    if (isWatching) return
    isWatching = true
    setTimeout(check, bound_ms / CHECKS).unref()
  }

  return {
    add: ask => {
      open.add(ask)
      commands += ask.commands.length
      watch()
    },
    remove: ask => {
      if (!open.delete(ask)) return
      commands -= ask.commands.length
      if (open.size > 0) return
      for (const resolve of waiting) resolve()
      waiting = []
    },
    commands: () => commands,
    none: () =>
      new Promise(resolve => {
        if (open.size === 0) resolve()
        else waiting.push(resolve)
      }),
  }
}
