/**
 * Writes what a run gathered: level by level, the transactions of a level side by side in a few lanes.
 */

import { type BackOff, pause } from '../back-off.js'
import { inParallel } from '../parallel.js'
import { writeTransaction } from '../tables/transact.js'
import { failedWith, run } from './outcome.js'
import type { Part } from './pending.js'
import type { Target } from './target.js'
import { pack, transactionOf } from './transactions.js'

/** Also the number of items that hold one sum (docs/adr/0003). */
export const LANES = 4
/** What is throttled or in another transaction's way is usually over at once; an outage is the caller's to wait for. */
const TRIES_MAX = 6
const BACK_OFF: BackOff = { first_ms: 10, max_ms: 300 }

const write = async (target: Target, part: Part, lane: number, signal: AbortSignal): Promise<void> => {
  const { tables, table, projection } = target
  const transaction = transactionOf(part, lane)
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await run(writeTransaction(tables, table, projection.head, transaction))
    } catch (thrown) {
      if (!failedWith(thrown, 'TryAgain') || attempt === TRIES_MAX || signal.aborted) throw thrown
      await pause(BACK_OFF, attempt, signal)
    }
  }
}

/**
 * Writes all of it. Throws `ProjectionFailure`: what was written until then stays, whole transactions of it, and folding
 * the same events again from the heads as they are then writes the rest.
 */
export const writeParts = async (
  target: Target,
  levels: readonly (readonly Part[])[],
  signal: AbortSignal,
): Promise<void> => {
  for (const parts of levels) {
    await inParallel(LANES, pack(parts), (part, lane) => write(target, part, lane, signal))
  }
}
