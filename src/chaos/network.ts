/**
 * The network between the parts of a chaos run: TCP hops on the loopback interface, which can be cut and healed in each
 * direction. They need no rights, so that a run works everywhere.
 *
 * A hop leads from one place (`instance-1`, `nats-2`) to a server at another. A cut is a partition as TCP sees it: bytes
 * are neither lost nor delivered, the connection stays open, neither side hears of the other's end, and a new connection
 * waits. After the healing all of that arrives, as a retransmission would make it arrive.
 *
 *     const network = createNetwork()
 *     const port = await network.hop('mine', 'nats-1', 4222)   // connect to this port instead of 4222
 *     network.cut('nats-1', 'mine')                            // requests arrive, answers do not
 *     network.heal()
 */

import { type Hop, openHop } from './hop.js'

export type Network = {
  /** Opens a hop from `from` to the server at `to`, which listens on `target_port`; gives the port to connect to. */
  readonly hop: (from: string, to: string, target_port: number) => Promise<number>
  /** From now on nothing gets from `from` to `to`, whichever of them has opened the connection. */
  readonly cut: (from: string, to: string) => void
  /** Both directions. */
  readonly part: (one: string, other: string) => void
  /** Ends every connection between the two with a reset, and each new one, until it is healed. */
  readonly reset: (one: string, other: string) => void
  /** Undoes every cut and reset; only those of one place where it is named. */
  readonly heal: (place?: string) => void
  /** Ends everything. */
  readonly close: () => Promise<void>
}

type Way = { readonly from: string; readonly to: string }

const isSame = (from: string, to: string) => (way: Way) => way.from === from && way.to === to

/** A network without hops. */
export const createNetwork = (): Network => {
  const hops: Hop[] = []
  let cuts: readonly Way[] = []
  let resets: readonly Way[] = []

  const obey = (): void => {
    for (const hop of hops) hop.obey()
  }
  const cut = (from: string, to: string): void => {
    if (!cuts.some(isSame(from, to))) cuts = [...cuts, { from, to }]
    obey()
  }
  return {
    hop: async (from, to, target_port) => {
      const hop = await openHop(target_port, {
        isCut: direction => cuts.some(direction === 'in' ? isSame(from, to) : isSame(to, from)),
        isReset: () => resets.some(way => isSame(from, to)(way) || isSame(to, from)(way)),
      })
      hops.push(hop)
      return hop.port
    },
    cut,
    part: (one, other) => {
      cut(one, other)
      cut(other, one)
    },
    reset: (one, other) => {
      resets = [...resets, { from: one, to: other }]
      obey()
    },
    heal: place => {
      const stays = ({ from, to }: Way): boolean => place !== undefined && from !== place && to !== place
      cuts = cuts.filter(stays)
      resets = resets.filter(stays)
      obey()
    },
    close: async () => {
      await Promise.all(hops.splice(0).map(hop => hop.close()))
    },
  }
}
