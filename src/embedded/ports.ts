/** Loopback TCP ports for the embedded servers. */

import { createServer, type Server } from 'node:net'

/** Every embedded server listens here and nowhere else. */
export const LOOPBACK = '127.0.0.1'

/*
 * Below the range that operating systems give to outgoing connections: a client that reconnects to a port of that
 * range while its server restarts can be given that very port and connect to itself, and the server cannot come back.
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

/** `count` different ports that nobody listens on. Another program may take one before you do: be ready to ask again. */
export const freePorts = async (count: number): Promise<number[]> => {
  const held: [number, Server][] = []
  try {
    while (held.length < count) held.push(await listenSomewhere())
    return held.map(([port]) => port)
  } finally {
    await Promise.all(held.map(([, server]) => close(server)))
  }
}

/** One port that nobody listens on, see `freePorts`. */
export const freePort = async (): Promise<number> => {
  const [port, server] = await listenSomewhere()
  await close(server)
  return port
}

/**
 * Makes sure that `port` can be listened on; otherwise throws one sentence for the user that names `flag`, the option
 * of the command line that chooses another.
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
