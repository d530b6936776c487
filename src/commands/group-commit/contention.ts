/**
 * Lanes for contended customers. A customer is contended while another writer keeps changing it faster than this instance
 * decides. Its groups wait in a lane of their own, one round after the other, so that they do not make the rounds of all
 * other customers fail. Pure but for the clock.
 */

import type { AccountId } from '../../ledger/account-id.js'
import { customersOfGroup, type Group, type GroupAnswer, retry } from './group.js'

export type Lane = {
  readonly id: AccountId
  /** In the order in which they are decided. */
  waiting: Group[]
  is_running: boolean
  /** The time of its last conflict. */
  contended_ms: number
}

/** Groups that have no lane, and the lanes that have groups now and are not running. */
export type Sorted = { readonly others: readonly Group[]; readonly idle_lanes: readonly Lane[] }

/** A lane takes new groups for so long after its last conflict: the other writer is probably still at work. */
const CONTENDED_MS = 1_000
const LANES_MAX = 64
/** Groups of a lane that one round takes. */
const LANE_GROUPS_MAX = 1_000

export class Lanes {
  readonly #lanes = new Map<AccountId, Lane>()
  readonly #now_ms: () => number

  constructor(now_ms: () => number) {
    this.#now_ms = now_ms
  }

  /** Puts the groups whose customer is contended into its lane. */
  divert(groups: readonly Group[]): Sorted {
    if (this.#lanes.size === 0) return { others: groups, idle_lanes: [] }
    return this.#sort(groups, group => {
      const lane = this.#openLaneOf(customersOfGroup(group))
      if (lane === undefined || !this.#isContended(lane)) return undefined
      lane.waiting.push(group)
      return lane
    })
  }

  /**
   * Puts each group that has lost more than once into the lane of a customer of it that has `moved`. A new lane is opened
   * where `may_open` allows it and there is room; the other groups have no lane.
   */
  enter(groups: readonly Group[], moved: ReadonlySet<AccountId>, may_open: boolean): Sorted {
    return this.#sort(groups, group => {
      const id = customersOfGroup(group).find(each => moved.has(each))
      const lane = id === undefined ? undefined : (this.#lanes.get(id) ?? this.#open(id, may_open))
      if (lane === undefined) return undefined
      lane.contended_ms = this.#now_ms()
      // a lane keeps the order: a group that has tried more often came earlier
      const place = lane.waiting.findIndex(({ tries }) => tries < group.tries)
      lane.waiting.splice(place === -1 ? lane.waiting.length : place, 0, group)
      return lane
    })
  }

  /** Takes the groups of the next round of `lane`; none means that the lane is done. */
  take(lane: Lane): Group[] {
    const groups = lane.waiting.splice(0, LANE_GROUPS_MAX)
    lane.is_running = groups.length > 0
    return groups
  }

  #sort(groups: readonly Group[], laneFor: (group: Group) => Lane | undefined): Sorted {
    const others: Group[] = []
    const idle = new Set<Lane>()
    for (const group of groups) {
      const lane = laneFor(group)
      if (lane === undefined) others.push(group)
      else if (!lane.is_running) idle.add(lane)
    }
    return { others, idle_lanes: [...idle] }
  }

  #openLaneOf(ids: readonly AccountId[]): Lane | undefined {
    const id = ids.find(each => this.#lanes.has(each))
    return id === undefined ? undefined : this.#lanes.get(id)
  }

  #isContended({ contended_ms }: Lane): boolean {
    return this.#now_ms() - contended_ms < CONTENDED_MS
  }

  #open(id: AccountId, may_open: boolean): Lane | undefined {
    for (const lane of this.#lanes.values())
      if (!lane.is_running && !this.#isContended(lane)) this.#lanes.delete(lane.id)
    if (!may_open || this.#lanes.size >= LANES_MAX) return undefined
    const lane: Lane = { id, waiting: [], is_running: false, contended_ms: 0 }
    this.#lanes.set(id, lane)
    return lane
  }
}

/** The groups of a refused batch by what another writer has done to them. */
export type Losses = {
  /** Their customers have not changed. */
  readonly calm: readonly Group[]
  /** They lost for the first time, or again, and may try once more. */
  readonly lost_once: readonly Group[]
  readonly lost_again: readonly Group[]
  /** They lost too often. */
  readonly answers: readonly GroupAnswer[]
}

/** Sorts the groups of a batch that the stream refused because the customers of `moved` have changed; counts a try of each. */
export const sortByLosses = (groups: readonly Group[], moved: ReadonlySet<AccountId>): Losses => {
  const hasMoved = (group: Group): boolean => customersOfGroup(group).some(id => moved.has(id))
  const { again, answers } = retry(groups.filter(hasMoved))
  return {
    calm: groups.filter(group => !hasMoved(group)),
    lost_once: again.filter(({ tries }) => tries === 1),
    lost_again: again.filter(({ tries }) => tries > 1),
    answers,
  }
}
