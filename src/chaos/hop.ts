/** Opens a TCP hop on the loopback interface, which passes bytes between clients and one server as its rules allow. */

import { connect, createServer, type Server, type Socket } from 'node:net'
import { freePort, LOOPBACK } from '../embedded/ports.js'

/** The traffic that may pass at the moment; `in` is from the clients to the server. */
export type Rules = {
  readonly isCut: (direction: 'in' | 'out') => boolean
  readonly isReset: () => boolean
}

export type Hop = {
  /** The port to which clients connect. */
  readonly port: number
  /** Applies the rules; call it after they changed. */
  readonly obey: () => void
  readonly close: () => Promise<void>
}

/** One direction of a connection. */
type Pipe = { readonly direction: 'in' | 'out'; readonly source: Socket; readonly sink: Socket }
/** `server` is undefined while the other end may not know of the connection. */
type Connection = { readonly client: Socket; server: Socket | undefined; readonly pipes: Pipe[] }

const LISTEN_TRIES_MAX = 3

const listenOn = (listener: Server, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    listener.once('error', reject)
    listener.listen({ port, host: LOOPBACK, exclusive: true }, () => {
      listener.off('error', reject)
      resolve()
    })
  })

/** Listens on a free port. It tries again, because another program may take the port after it was chosen. */
const listen = async (listener: Server): Promise<number> => {
  for (let tries = 1; ; tries += 1) {
    const port = await freePort()
    try {
      await listenOn(listener, port)
      return port
    } catch (error) {
      if (tries >= LISTEN_TRIES_MAX) throw error
    }
  }
}

/** Pauses or resumes one direction. A paused socket reads nothing, neither bytes nor the end of the connection. */
const flow = ({ isCut }: Rules, { direction, source, sink }: Pipe): void => {
  if (isCut(direction) || sink.writableNeedDrain) source.pause()
  else source.resume()
}

const joinSockets = (rules: Rules, pipe: Pipe): Pipe => {
  const { source, sink } = pipe
  source.on('data', bytes => {
    if (!sink.write(bytes)) source.pause()
  })
  sink.on('drain', () => flow(rules, pipe))
  source.on('end', () => sink.end())
  return pipe
}

/** Passes on that one side is closed, as soon as the rules let the other side learn of it. */
const passOnTheEnd = ({ isCut }: Rules, { client, server }: Connection): void => {
  if (client.destroyed && !isCut('in')) server?.destroy()
  if (server?.destroyed && !isCut('out')) client.destroy()
}

const dial = (rules: Rules, connection: Connection, target_port: number, onClose: () => void): void => {
  const { client, pipes } = connection
  const server = connect({ port: target_port, host: LOOPBACK, noDelay: true, allowHalfOpen: true })
  connection.server = server
  pipes.push(
    joinSockets(rules, { direction: 'in', source: client, sink: server }),
    joinSockets(rules, { direction: 'out', source: server, sink: client }),
  )
  // when the server is down, the client sees a broken connection
  server.on('error', () => server.destroy())
  server.on('close', onClose)
  for (const pipe of pipes) flow(rules, pipe)
}

/** A new connection waits while either direction is cut, because SYN and SYN-ACK both have to pass. */
const mayDial = ({ isCut }: Rules): boolean => !isCut('in') && !isCut('out')

const isOver = ({ client, server }: Connection): boolean => client.destroyed && server?.destroyed !== false

/** Opens a hop to the server on `target_port`; the server may start later. */
export const openHop = async (target_port: number, rules: Rules): Promise<Hop> => {
  const connections = new Set<Connection>()

  const obeyFor = (connection: Connection): void => {
    passOnTheEnd(rules, connection)
    if (isOver(connection)) connections.delete(connection)
    else if (connection.server !== undefined) for (const pipe of connection.pipes) flow(rules, pipe)
    else if (mayDial(rules)) dial(rules, connection, target_port, () => obeyFor(connection))
  }
  const endAll = (): void => {
    for (const { client, server } of connections) {
      client.resetAndDestroy()
      server?.resetAndDestroy()
    }
    connections.clear()
  }

  const listener = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, client => {
    client.on('error', () => client.destroy())
    if (rules.isReset()) {
      client.resetAndDestroy()
      return
    }
    const connection: Connection = { client, server: undefined, pipes: [] }
    connections.add(connection)
    client.on('close', () => obeyFor(connection))
    obeyFor(connection)
  })
  const port = await listen(listener)
  return {
    port,
    obey: () => {
      if (rules.isReset()) endAll()
      for (const connection of [...connections]) obeyFor(connection)
    },
    close: () => {
      const closed = new Promise<void>(resolve => listener.close(() => resolve()))
      endAll()
      return closed
    },
  }
}
