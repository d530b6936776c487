/** A relay before a server that can be shut and opened again: while it is shut, clients cannot reach the server. */

import { connect, createServer, type Socket } from 'node:net'

const LOOPBACK = '127.0.0.1'

export type Door = {
  readonly url: string
  /** Ends every connection and accepts no new one. */
  readonly shut: () => void
  readonly open: () => void
  readonly stop: () => void
}

/** Starts a relay to `nats_url`, which is shut at first. */
export const startDoor = async (nats_url: string): Promise<Door> => {
  const port = Number(new URL(nats_url).port)
  const sockets = new Set<Socket>()
  let isOpen = false

  const keep = (socket: Socket): Socket => {
    sockets.add(socket)
    // either side may end first, and the test ignores both errors
    socket.on('error', () => socket.destroy())
    socket.on('close', () => sockets.delete(socket))
    return socket
  }
  const door = createServer(client => {
    if (!isOpen) {
      client.destroy()
      return
    }
    const server = keep(connect(port, LOOPBACK))
    server.on('close', () => client.destroy())
    keep(client).pipe(server).pipe(client)
  })
  await new Promise<void>(resolve => door.listen(0, LOOPBACK, resolve))
  const address = door.address()
  if (typeof address !== 'object' || address === null) throw new Error('The door has no port')
  const shut = (): void => {
    isOpen = false
    for (const socket of sockets) socket.destroy()
  }
  return {
    url: `nats://${LOOPBACK}:${address.port}`,
    shut,
    open: () => {
      isOpen = true
    },
    stop: () => {
      shut()
      door.close()
    },
  }
}
