/** A TCP hop on the loopback interface: passes bytes between its clients and one server as far as its rules let it. */

import { connect, createServer, type Server, type Socket } from 'node:net'
import { freePort, LOOPBACK } from '../embedded/ports.js'

/** What may get through at the moment; `in` is from the clients to the server. */
export type Rules = {
  readonly isCut: (direction: 'in' | 'out') => boolean
  readonly isReset: () => boolean
}

export type Hop = {
  /** Where clients connect to. */
  readonly port: number
  /** To be called when the rules are others. */
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

/** Another program may take a port between our choosing it and our listening on it. */
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

/** A paused socket reads nothing, so that it hears of the other side's end no more than of its bytes. */
const flow = ({ isCut }: Rules, { direction, source, sink }: Pipe): void => {
  if (isCut(direction) || sink.writableNeedDrain) source.pause()
  else source.resume()
}

const joined = (rules: Rules, pipe: Pipe): Pipe => {
  const { source, sink } = pipe
  source.on('data', bytes => {
    if (!sink.write(bytes)) source.pause()
  })
  sink.on('drain', () => flow(rules, pipe))
  source.on('end', () => sink.end())
  return pipe
}

/** A side that broke is over for the other one as soon as news of it can get there. */
const passOnTheEnd = ({ isCut }: Rules, { client, server }: Connection): void => {
  if (client.destroyed && !isCut('in')) server?.destroy()
  if (server?.destroyed && !isCut('out')) client.destroy()
}

const dial = (rules: Rules, connection: Connection, target_port: number, onClose: () => void): void => {
  const { client, pipes } = connection
  const server = connect({ port: target_port, host: LOOPBACK, noDelay: true, allowHalfOpen: true })
  connection.server = server
  pipes.push(
    joined(rules, { direction: 'in', source: client, sink: server }),
    joined(rules, { direction: 'out', source: server, sink: client }),
  )
  // for a client, a server that is down is a connection that breaks
  server.on('error', () => server.destroy())
  server.on('close', onClose)
  for (const pipe of pipes) flow(rules, pipe)
}

/** As SYN and SYN-ACK have to get through, a cut of either direction keeps a new connection waiting. */
const mayDial = ({ isCut }: Rules): boolean => !isCut('in') && !isCut('out')

const isOver = ({ client, server }: Connection): boolean => client.destroyed && server?.destroyed !== false

/** Opens a hop to the server that listens on `target_port`; a server that is down may come later. */
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
