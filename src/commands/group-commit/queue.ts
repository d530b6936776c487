/**
 * The queue of groups that wait for a round, in the order in which they came.
 */

import { customersOf, customersOfGroup, type Group } from './group.js'

/** The largest number of groups in one round. */
export const ROUND_GROUPS_MAX = 1_000
/** A round beside others looks at so many groups of the queue, so that a long queue costs no more than a short one. */
const LOOKED_AT_MAX = 2 * ROUND_GROUPS_MAX

/**
 * The groups of `queue` that may be decided while `rounds` are under way: their customers are in no running round and in no
 * earlier group of the queue. So the commands of one customer stay in their order.
 */
export const selectFree = (queue: readonly Group[], rounds: Iterable<readonly Group[]>): Group[] => {
  const busy = customersOf([...rounds].flat())
  const free: Group[] = []
  for (const group of queue.slice(0, LOOKED_AT_MAX)) {
    const ids = customersOfGroup(group)
    if (free.length < ROUND_GROUPS_MAX && !ids.some(id => busy.has(id))) free.push(group)
    else for (const id of ids) busy.add(id)
  }
  return free
}

export class Queue {
  #groups: Group[] = []

  get length(): number {
    return this.#groups.length
  }

  add(group: Group): void {
    this.#groups.push(group)
  }

  /** Puts groups before all others: they came earlier, and are decided again. */
  addFirst(groups: readonly Group[]): void {
    if (groups.length > 0) this.#groups = [...groups, ...this.#groups]
  }

  /** Takes the groups of the next round beside `rounds`; takes none when there are fewer than `least`. */
  take(least: number, rounds: ReadonlySet<readonly Group[]>): Group[] {
    const taken =
      rounds.size === 0 ? this.#groups.slice(0, ROUND_GROUPS_MAX) : selectFree(this.#groups, rounds)
    if (taken.length < least) return []
    const [last] = taken.slice(-1)
    // usually the taken groups are the first ones of the queue
    const are_first = last !== undefined && this.#groups[taken.length - 1] === last
    const is_taken = new Set(are_first ? [] : taken)
    this.#groups = are_first
      ? this.#groups.slice(taken.length)
      : this.#groups.filter(group => !is_taken.has(group))
    return taken
  }
}
