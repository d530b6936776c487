/** Undoes every harm that a fault can do, whatever it was and however far it came. */

import { setTimeout as pause } from 'node:timers/promises'
import { NODE_NAMES } from './cluster.js'
import { INSTANCE_NAMES } from './instance.js'
import type { System } from './system.js'

const TRIES_MAX = 3
const BETWEEN_TRIES_MS = 500

/** A process that does not come up at once, for example because its port is not free yet, comes up a moment later. */
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

/** Heals the network first, then starts what does not run and should. Throws when something cannot be started. */
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
  const all = [...nodes, ...INSTANCE_NAMES.map(name => instances[name])]
  for (const part of all) part.thaw()
  await projector.kill()
  await Promise.all([...all, dynamodb].map(start))
}
