/**
 * The queue of groups that wait for a round, in the order in which they came: when a round begins, and which groups it takes.
 *
 * While no round is running every group that waits is taken at once. While some are running more groups have to wait before
 * another one begins, because one large batch is cheaper than two. For the same reason the queue gathers for a moment after
 * a round: the callers who have just been answered send their next commands then, and these come into one round with the
 * groups that waited, where two rounds of half the size would take turns (docs/adr/0009).
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
/** The queue gathers for at most so much of the time that the ended round took, within these bounds. */
const GATHERING_PART = 0.6
const GATHERING_MS_MIN = 1
const GATHERING_MS_MAX = 6
/** It gathers no longer when no command has come for so long. */
const QUIET_MS = 1
/** Behind a faster round it does not gather: the wait would take as long as it saves. */
const FAST_ROUND_MS = 2
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

/** The time after a round in which the queue lets no other one begin. */
type Gathering = {
  /** For so many groups the next round does not wait any longer. */
  readonly groups: number
  /** The time at which it ends in any case. */
  readonly until_ms: number
  timer: NodeJS.Timeout | undefined
}

export class Queue {
  #groups: Group[] = []
  readonly #rounds = new Set<readonly Group[]>()
  /** A round has been running for long, and none has begun since. */
  #is_slow = false
  #gathering: Gathering | undefined
  readonly #onReady: () => void

  /** `onReady` is called when time alone has made another round possible. */
  constructor(onReady: () => void) {
    this.#onReady = onReady
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
    clearTimeout(this.#gathering?.timer)
    this.#gathering = undefined
    const began_ms = performance.now()
    const slow = setTimeout(() => {
      this.#is_slow = true
      this.#onReady()
    }, SLOW_MS)
    const end: QueueRound['end'] = again => {
      clearTimeout(slow)
      this.#rounds.delete(groups)
      if (again.length > 0) this.#groups = [...again, ...this.#groups]
      else this.#gather(groups.length, performance.now() - began_ms)
    }
    return { groups, end }
  }

  /** Begins to gather after a round that had `answered` groups. A caller who is alone is not made to wait. */
  #gather(answered: number, took_ms: number): void {
    if (answered === 1 || took_ms < FAST_ROUND_MS || this.#rounds.size > 0) return
    const gathering_ms = Math.min(GATHERING_MS_MAX, Math.max(GATHERING_MS_MIN, took_ms * GATHERING_PART))
    const gathering: Gathering = {
      groups: Math.min(ROUND_GROUPS_MAX, answered + this.#groups.length),
      until_ms: performance.now() + gathering_ms,
      timer: undefined,
    }
    this.#gathering = gathering
    // the answers are written in this turn of the event loop, and the callers hear them at its end
    setImmediate(() => this.#awaitQuiet(gathering))
  }

  /** Looks whether commands come, until none does. */
  #awaitQuiet(gathering: Gathering): void {
    if (this.#gathering !== gathering) return
    const waiting = this.#groups.length
    gathering.timer = setTimeout(() => {
      // a turn of the event loop may have taken longer than this, with its input still unread
      setImmediate(() => {
        if (this.#gathering !== gathering) return
        if (this.#groups.length > waiting && performance.now() < gathering.until_ms) {
          this.#awaitQuiet(gathering)
          return
        }
        this.#gathering = undefined
        this.#onReady()
      })
    }, QUIET_MS)
  }

  #leastForRound(): number {
    if (this.#rounds.size === 0) return this.#gathering?.groups ?? 1
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
