/**
 * What may go into another batch while some are under way.
 */

import { type Ask, customersOf, customersOfAsk } from './ask.js'

export const BATCH_COMMANDS_MAX = 1_000

/** Those of the queue whose customers nobody in a batch and nobody before them in the queue has. */
export const freeOf = (queue: readonly Ask[], rounds: Iterable<readonly Ask[]>): Ask[] => {
  const busy = customersOf([...rounds].flat())
  const free: Ask[] = []
  for (const ask of queue.slice(0, 2 * BATCH_COMMANDS_MAX)) {
    const ids = customersOfAsk(ask)
    if (free.length < BATCH_COMMANDS_MAX && !ids.some(id => busy.has(id))) free.push(ask)
    // the order of a customer's commands stays: whoever comes later waits too
    else for (const id of ids) busy.add(id)
  }
  return free
}
