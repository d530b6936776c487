/**
 * A network in which the messages of a cluster's servers about leaders can be held back, while everything else gets through.
 * This also happens after a real partition: each connection goes on at its own next retransmission, which may be seconds
 * after that of another connection.
 *
 * nats-server has a separate connection for the system account between two servers, and names it in the first lines.
 */

import { connect, createServer, type Socket } from 'node:net'
import { createNetwork, type Network } from '../../src/chaos/network.js'
import { LOOPBACK } from '../../src/embedded/ports.js'

export type ElectionNetwork = Network & {
  /** Holds all traffic of the system account to and from this place; undefined lets all traffic go on. */
  readonly hold: (place: string | undefined) => void
}

const SYSTEM = /"route_account":"\$SYS"/
/** The number of bytes within which a server names the account of a connection. */
const HEAD_BYTES = 8_192

type Pair = {
  readonly ends: readonly string[]
  readonly client: Socket
  readonly server: Socket
  isSystem: boolean
  head: string
}

export const createElectionNetwork = (): ElectionNetwork => {
  const network = createNetwork()
  const pairs = new Set<Pair>()
  const stops: (() => Promise<void>)[] = []
  let held: string | undefined

  const obey = ({ ends, client, server, isSystem }: Pair): void => {
    const isHeld = isSystem && held !== undefined && ends.includes(held)
    for (const socket of [client, server]) {
      if (isHeld) socket.pause()
      else socket.resume()
    }
  }

  const join = (pair: Pair, source: Socket, sink: Socket): void => {
    source.on('data', bytes => {
      if (!pair.isSystem && pair.head.length < HEAD_BYTES) {
        pair.head += bytes.toString('latin1')
        pair.isSystem = SYSTEM.test(pair.head)
        obey(pair)
      }
      sink.write(bytes)
    })
    source.on('error', () => source.destroy())
    source.on('close', () => {
      sink.destroy()
      pairs.delete(pair)
    })
  }

  /** Opens a relay to the server at `target_port` that recognizes the connections of the system account. */
  const open = async (ends: readonly string[], target_port: number): Promise<number> => {
    const listener = createServer({ noDelay: true }, client => {
      const pair: Pair = {
        ends,
        client,
        server: connect({ port: target_port, host: LOOPBACK, noDelay: true }),
        isSystem: false,
        head: '',
      }
      pairs.add(pair)
      join(pair, client, pair.server)
      join(pair, pair.server, client)
    })
    await new Promise<void>(resolve => listener.listen(0, LOOPBACK, resolve))
    stops.push(() => new Promise(resolve => listener.close(() => resolve())))
    const address = listener.address()
    if (typeof address !== 'object' || address === null) throw new Error('The way has no port')
    return address.port
  }

  return {
    ...network,
    hop: async (from, to, target_port) => network.hop(from, to, await open([from, to], target_port)),
    hold: place => {
      held = place
      for (const pair of pairs) obey(pair)
    },
    close: async () => {
      for (const { client, server } of pairs) {
        client.destroy()
        server.destroy()
      }
      await network.close()
      await Promise.all(stops.map(stop => stop()))
    },
  }
}
