/**
 * The groups that have no result yet, and the longest that one of them may go without: whatever a group waits for, its
 * caller has an answer by then.
 */

import type { Group } from './group.js'

export type OpenGroups = {
  readonly add: (group: Group) => void
  /** Removes an open group; does nothing for another one. */
  readonly remove: (group: Group) => void
  /** The number of commands in all open groups. */
  readonly commands: () => number
  /** Resolves when no group is open. */
  readonly none: () => Promise<void>
}

/** Overdue groups are looked for so many times in a bound, so an answer is late by a quarter of it at the most. */
const CHECKS = 4

/** Groups have to be added in the order of their `opened_ms`. `onOverdue` is called with each that is open after `bound_ms`. */
export const createOpenGroups = (bound_ms: number, onOverdue: (group: Group) => void): OpenGroups => {
  const open = new Set<Group>()
  let commands = 0
  let is_watching = false
  let waiting: (() => void)[] = []

  const check = (): void => {
    is_watching = false
    const now_ms = performance.now()
    for (const group of open) {
      if (now_ms - group.opened_ms < bound_ms) break
      onOverdue(group)
    }
    if (open.size > 0) watch()
  }

  const watch = (): void => {
    if (is_watching) return
    is_watching = true
    setTimeout(check, bound_ms / CHECKS).unref()
  }

  return {
    add: group => {
      open.add(group)
      commands += group.commands.length
      watch()
    },
    remove: group => {
      if (!open.delete(group)) return
      commands -= group.commands.length
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
