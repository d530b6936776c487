/** A gate before a server that opens when enough clients wait at it, so that they begin at the same moment. */

import { createServer, connect as open, type Socket } from 'node:net'

const LOOPBACK = '127.0.0.1'

export type Gate = {
  readonly url: string
  readonly stop: () => void
}

/** Starts a gate to `nats_url` that lets no client through until `clients` have connected. */
export const startGate = async (nats_url: string, clients: number): Promise<Gate> => {
  const port = Number(new URL(nats_url).port)
  const sockets: Socket[] = []
  const waiting: Socket[] = []

  const letThrough = (client: Socket): void => {
    const server = open(port, LOOPBACK)
    sockets.push(server)
    // either side may end first, and the test ignores both errors
    server.on('error', () => client.destroy())
    client.pipe(server).pipe(client)
  }
  const gate = createServer(client => {
    sockets.push(client)
    client.on('error', () => client.destroy())
    waiting.push(client)
    if (waiting.length === clients) waiting.forEach(letThrough)
  })
  await new Promise<void>(resolve => gate.listen(0, LOOPBACK, resolve))
  const address = gate.address()
  if (typeof address !== 'object' || address === null) throw new Error('The gate has no port')
  return {
    url: `nats://${LOOPBACK}:${address.port}`,
    stop: () => {
      gate.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}
