/** Finds free loopback TCP ports for the embedded servers. */

import { createServer, type Server } from 'node:net'

/** The only address on which embedded servers listen. */
export const LOOPBACK = '127.0.0.1'

/*
 * These ports lie below the range that operating systems give to outgoing connections. A client that reconnects to a
 * port in that range while its server restarts can get this port as its own and connect to itself; then the server
 * cannot come back.
 */
const FIRST_PORT = 12_000
const LAST_PORT = 32_000
const TRIES_MAX = 100

const listen = (port: number): Promise<Server> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen({ port, host: LOOPBACK, exclusive: true }, () => resolve(server))
  })

const close = (server: Server): Promise<void> => new Promise(resolve => server.close(() => resolve()))

const listenSomewhere = async (): Promise<[number, Server]> => {
  let cause: unknown
  for (let i = 0; i < TRIES_MAX; i += 1) {
    const port = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT))
    try {
      return [port, await listen(port)]
    } catch (error) {
      cause = error
    }
  }
  throw new Error(`No free port between ${FIRST_PORT} and ${LAST_PORT} found in ${TRIES_MAX} tries`, {
    cause,
  })
}

/**
 * `count` different free ports. Another program may take one before the caller listens on it: be ready to ask again.
 */
export const freePorts = async (count: number): Promise<number[]> => {
  const held: [number, Server][] = []
  try {
    while (held.length < count) held.push(await listenSomewhere())
    return held.map(([port]) => port)
  } finally {
    await Promise.all(held.map(([, server]) => close(server)))
  }
}

/** One free port, see `freePorts`. */
export const freePort = async (): Promise<number> => {
  const [port, server] = await listenSomewhere()
  await close(server)
  return port
}

/**
 * Checks that a server can listen on `port`. Otherwise throws one sentence for the user that names `flag`, the
 * command line option that chooses another port.
 */
export const requirePort = async (port: number, flag: string): Promise<void> => {
  try {
    await close(await listen(port))
  } catch (cause) {
    const other = `choose another with ${flag} (0 = a free one).`
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
    if (code === 'EADDRINUSE') {
      throw new Error(`Port ${port} is taken by another program: stop it, or ${other}`, { cause })
    }
    if (code === 'EACCES') throw new Error(`Port ${port} needs more rights than yours: ${other}`, { cause })
    throw new Error(`Port ${port} cannot be used (${code ?? cause}): ${other}`, { cause })
  }
}
