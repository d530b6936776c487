/**
 * Ports for servers that a spec takes away and brings back. While such a server is away its port is free, and a spec that runs
 * beside this one could take it; so each worker of vitest has ports that no other worker, and no program under test, chooses.
 */

import { requirePort } from '../../src/embedded/ports.js'

/** These lie below the ports that `src/embedded/ports.ts` chooses from. */
const FIRST_PORT = 10_000
const WORKERS_MAX = 8
const PORTS_OF_WORKER = 250

const isFree = (port: number): Promise<boolean> =>
  requirePort(port, 'another one').then(
    () => true,
    () => false,
  )

/** `count` different free ports that belong to this worker. Throws when it has no more of them. */
export const ownPorts = async (count: number): Promise<number[]> => {
  const worker = Number(process.env.VITEST_POOL_ID ?? 1) % WORKERS_MAX
  // specs of one worker follow each other, and a server of the former spec may just be ending
  const begin = Math.floor(Math.random() * PORTS_OF_WORKER)
  const found: number[] = []
  for (let i = 0; i < PORTS_OF_WORKER && found.length < count; i += 1) {
    const port = FIRST_PORT + worker * PORTS_OF_WORKER + ((begin + i) % PORTS_OF_WORKER)
    if (await isFree(port)) found.push(port)
  }
  if (found.length < count) throw new Error(`Worker ${worker} has no ${count} free ports`)
  return found
}

/** One free port, see `ownPorts`. */
export const ownPort = async (): Promise<number> => {
  const [port] = await ownPorts(1)
  if (port === undefined) throw new Error('ownPorts has given no port')
  return port
}
