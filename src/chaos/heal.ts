/** Repairs all damage that any fault can do, even when the fault failed half-way. */

import { setTimeout as pause } from 'node:timers/promises'
import { NODE_NAMES } from './cluster.js'
import type { System } from './system.js'

const TRIES_MAX = 3
const BETWEEN_TRIES_MS = 500

/** Starts a process with a few tries: a port, for example, may become free only a moment later. */
const start = async (part: { isRunning: () => boolean; start: () => Promise<void> }): Promise<void> => {
  for (let tries = 1; !part.isRunning(); tries += 1) {
    try {
      await part.start()
    } catch (error) {
      if (tries >= TRIES_MAX) throw error
      await pause(BETWEEN_TRIES_MS)
    }
  }
}

/** Heals the network first, then starts every process that should run. Throws when a process cannot be started. */
export const heal = async ({
  network,
  cluster,
  dynamodb,
  instances,
  projector,
  disks,
}: System): Promise<void> => {
  network.heal()
  dynamodb.setMood({ tag: 'well' })
  const nodes = NODE_NAMES.map(name => cluster.nodes[name])
  if ('free' in disks) for (const { store_dir } of nodes) disks.free(store_dir)
  const all = [...nodes, ...instances]
  for (const part of all) part.thaw()
  await projector.kill()
  await Promise.all([...all, dynamodb].map(start))
}
