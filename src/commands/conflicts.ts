/**
 * What to do when others were faster: find the customers they wrote to, and keep those apart from the rest.
 *
 * An ask that lost once is decided again in a batch of such; one that lost again goes into the lane of its customer:
 * a loop of its own beside the main one, which takes every later ask on that customer too, until nobody disputes it.
 */

import { pause } from '../back-off.js'
import type { ClientId } from '../ledger/client-id.js'
import type { Accounts } from './accounts.js'
import { type Ask, customersOf, customersOfAsk } from './ask.js'
import type { Beside } from './beside.js'
import type { Loaded } from './load.js'
import { retried, TRY_PAUSE } from './tries.js'

export type Conflicts = {
  /** Goes on with the asks of a batch that was refused; gives back those to be handled again. */
  readonly resolve: (asks: readonly Ask[], loaded: ReadonlyMap<ClientId, Loaded>) => Promise<Ask[]>
  /** Sends those on a contended customer into its lane; gives back the others. */
  readonly withoutContended: (asks: readonly Ask[]) => readonly Ask[]
}

type Means = {
  readonly accounts: Accounts
  readonly beside: Beside
  readonly handle: (asks: readonly Ask[]) => Promise<Ask[]>
  readonly signal: AbortSignal
}

/** How long after its last conflict a lane takes new asks: a publisher that was fast a moment ago still is. */
const CONTENDED_MS = 1_000
const LANES_MAX = 64
/** Of one batch. */
const LANE_ASKS_MAX = 1_000

type Lane = { readonly id: ClientId; waiting: Ask[]; running: boolean; contended_ms: number }

export const createConflicts = ({ accounts, beside, handle, signal }: Means): Conflicts => {
  const lanes = new Map<ClientId, Lane>()

  const run = async (lane: Lane): Promise<Ask[]> => {
    while (lane.waiting.length > 0) {
      const again = await handle(lane.waiting.splice(0, LANE_ASKS_MAX))
      lane.waiting.unshift(...again)
    }
    lane.running = false
    return []
  }

  const start = (lane: Lane): void => {
    if (lane.running) return
    lane.running = true
    void beside.run(lane.waiting, () => run(lane))
  }

  const isContended = ({ contended_ms }: Lane): boolean => performance.now() - contended_ms < CONTENDED_MS

  const closeOld = (): void => {
    for (const lane of lanes.values()) if (!lane.running && !isContended(lane)) lanes.delete(lane.id)
  }

  /** The lane of `id`, opened if there is room for one. */
  const laneOf = (id: ClientId): Lane | undefined => {
    const open = lanes.get(id)
    if (open !== undefined) return open
    closeOld()
    if (beside.isFull() || lanes.size >= LANES_MAX) return undefined
    const lane: Lane = { id, waiting: [], running: false, contended_ms: 0 }
    lanes.set(id, lane)
    return lane
  }

  /** Those that lost more than once, each into the lane of a customer that moved; gives back those without one. */
  const intoLanes = (asks: readonly Ask[], moved: ReadonlySet<ClientId>): Ask[] =>
    asks.filter(ask => {
      const id = customersOfAsk(ask).find(each => moved.has(each))
      const lane = id === undefined ? undefined : laneOf(id)
      if (lane === undefined) return true
      lane.contended_ms = performance.now()
      // before those that came later: a lane keeps the order
      const place = lane.waiting.findIndex(({ tries }) => tries < ask.tries)
      lane.waiting.splice(place === -1 ? lane.waiting.length : place, 0, ask)
      start(lane)
      return false
    })

  /** A write that is still in flight: nothing to see yet, and nobody knows whose. Halving keeps it apart. */
  const notSeen = async (asks: readonly Ask[]): Promise<Ask[]> => {
    const rest = retried(asks)
    const tries = Math.max(0, ...rest.map(ask => ask.tries))
    if (tries <= 1) return rest
    await beside.run(rest, async () => {
      await pause(TRY_PAUSE, tries - 1, signal)
      const half = Math.ceil(rest.length / 2)
      return [...(await handle(rest.slice(0, half))), ...(await handle(rest.slice(half)))]
    })
    return []
  }

  return {
    resolve: async (asks, loaded) => {
      const moved = await accounts.reload(customersOf(asks), loaded)
      if (moved.size === 0) return notSeen(asks)
      const [calm, lost]: [Ask[], Ask[]] = [[], []]
      for (const ask of asks) (customersOfAsk(ask).some(id => moved.has(id)) ? lost : calm).push(ask)
      const rest = retried(lost)
      const once = rest.filter(({ tries }) => tries === 1)
      const homeless = intoLanes(
        rest.filter(({ tries }) => tries > 1),
        moved,
      )
      const together = [...once, ...homeless]
      if (together.length > 0) await beside.run(together, async () => together)
      return calm
    },
    withoutContended: asks => {
      if (lanes.size === 0) return asks
      return asks.filter(ask => {
        const id = customersOfAsk(ask).find(each => lanes.has(each))
        const lane = id === undefined ? undefined : lanes.get(id)
        if (lane === undefined || !isContended(lane)) return true
        lane.waiting.push(ask)
        start(lane)
        return false
      })
    },
  }
}
