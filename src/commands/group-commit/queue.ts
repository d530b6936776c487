/**
 * The queue of groups that wait for a round, in the order in which they came: when a round begins, and which groups it takes.
 *
 * While no round is running every group that waits is taken at once. While some are running more groups have to wait before
 * another one begins, because one large batch is cheaper than two.
 */

import { customersOf, customersOfGroup, type Group } from './group.js'

/** The largest number of groups in one round. */
const ROUND_GROUPS_MAX = 1_000
const ROUNDS_MAX = 4
/** Another round begins beside running ones for so many groups: then neither the server nor this process waits. */
const BACKLOG = 500
/** A round that takes so long waits for a disk or another server; then fewer groups are worth another round. */
const SLOW_MS = 25
const SLOW_BACKLOG = 100
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

export type QueueRound = {
  readonly groups: readonly Group[]
  /** Ends the round, and puts the groups that are decided `again` before all others: they came earlier. */
  readonly end: (again: readonly Group[]) => void
}

export class Queue {
  #groups: Group[] = []
  readonly #rounds = new Set<readonly Group[]>()
  /** A round has been running for long, and none has begun since. */
  #is_slow = false
  readonly #onSlow: () => void

  /** `onSlow` is called when a round takes long: another one may begin for fewer groups then. */
  constructor(onSlow: () => void) {
    this.#onSlow = onSlow
  }

  add(group: Group): void {
    this.#groups.push(group)
  }

  /** Begins a round, if one may begin now. */
  beginRound(): QueueRound | undefined {
    const least = this.#leastForRound()
    if (this.#groups.length < least) return undefined
    const groups = this.#take(least)
    if (groups.length === 0) return undefined
    this.#rounds.add(groups)
    this.#is_slow = false
    const slow = setTimeout(() => {
      this.#is_slow = true
      this.#onSlow()
    }, SLOW_MS)
    const end: QueueRound['end'] = again => {
      clearTimeout(slow)
      this.#rounds.delete(groups)
      if (again.length > 0) this.#groups = [...again, ...this.#groups]
    }
    return { groups, end }
  }

  #leastForRound(): number {
    if (this.#rounds.size === 0) return 1
    if (this.#rounds.size === ROUNDS_MAX) return Number.POSITIVE_INFINITY
    return this.#is_slow && this.#rounds.size === 1 ? SLOW_BACKLOG : BACKLOG
  }

  /** Takes the groups of the next round; takes none when there are fewer than `least` that it may have. */
  #take(least: number): Group[] {
    const is_alone = this.#rounds.size === 0
    const taken = is_alone ? this.#groups.slice(0, ROUND_GROUPS_MAX) : selectFree(this.#groups, this.#rounds)
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
