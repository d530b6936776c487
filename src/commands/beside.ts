/**
 * Work beside the main loop: what would hold up all other commands, bounded. Beyond the bound whoever brings more waits
 * for it, and the main loop with them.
 */

import type { Logger } from 'pino'
import type { Ask } from './ask.js'
import { failThrown } from './thrown.js'

export type Beside = {
  /** Goes on with `asks` beside the caller: `work` answers them or gives back those to be handled again. */
  readonly run: (asks: readonly Ask[], work: () => Promise<readonly Ask[]>) => Promise<void>
  readonly isFull: () => boolean
}

/** Batches in flight at once; nats-server allows 50 for a stream, and other instances have theirs. */
const RUNNING_MAX = 16

export const createBeside = (log: Logger, handle: (asks: readonly Ask[]) => Promise<Ask[]>): Beside => {
  const running = new Set<Promise<void>>()

  const finish = async (asks: readonly Ask[], work: () => Promise<readonly Ask[]>): Promise<void> => {
    try {
      for (let rest = await work(); rest.length > 0; ) rest = await handle(rest)
    } catch (cause) {
      // none of those that are still open was published since
      failThrown(log, asks, cause)
    }
  }

  return {
    run: async (asks, work) => {
      const job = finish(asks, work)
      if (running.size >= RUNNING_MAX) return job
      const tracked = job.finally(() => running.delete(tracked))
      running.add(tracked)
      return undefined
    },
    isFull: () => running.size >= RUNNING_MAX,
  }
}
