/**
 * Creates the network between the parts of a chaos run: TCP hops on the loopback interface, which can be cut and healed in
 * each direction. They need no special rights, so a run works everywhere.
 *
 * A hop leads from one place (`instance-1`, `nats-2`) to a server at another place. A cut is a partition as TCP sees it: bytes
 * are neither lost nor delivered, the connection stays open, neither side learns of the other's end, and a new connection
 * waits. After the healing everything arrives, as it would after a retransmission.
 *
 *     const network = createNetwork()
 *     const port = await network.hop('mine', 'nats-1', 4222)   // connect to this port instead of 4222
 *     network.cut('nats-1', 'mine')                            // requests arrive, answers do not
 *     network.heal()
 */

import { type Hop, openHop } from './hop.js'

export type Network = {
  /** Opens a hop from `from` to the server at `to`, which listens on `target_port`; returns the port to connect to. */
  readonly hop: (from: string, to: string, target_port: number) => Promise<number>
  /** Stops all traffic from `from` to `to`, whichever of them opened the connection. */
  readonly cut: (from: string, to: string) => void
  /** Undoes one cut. */
  readonly mend: (from: string, to: string) => void
  /** Cuts both directions. */
  readonly part: (one: string, other: string) => void
  /** Ends every connection between the two places with a reset, and each new one, until the network is healed. */
  readonly reset: (one: string, other: string) => void
  /** Undoes every cut and reset, or only the cuts and resets of `place`. */
  readonly heal: (place?: string) => void
  /** Closes all hops and their connections. */
  readonly close: () => Promise<void>
}

type Way = { readonly from: string; readonly to: string }

const isSame = (from: string, to: string) => (way: Way) => way.from === from && way.to === to

/** Creates a network without hops. */
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
    mend: (from, to) => {
      cuts = cuts.filter(way => !isSame(from, to)(way))
      obey()
    },
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
