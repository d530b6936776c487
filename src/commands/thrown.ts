/**
 * What an exception means to the commands that were at work: a read that failed is a matter of time, a fault of this
 * program is not, and nobody is told to try again because of one.
 */

import type { Logger } from 'pino'
import { isOwnFault } from '../own-fault.js'
import { type Ask, failAll } from './ask.js'

/** Fails `asks`, of which nothing was published since they were handed over, because of what was thrown. */
export const failThrown = (log: Logger, asks: readonly Ask[], cause: unknown): void => {
  if (isOwnFault(cause)) {
    log.error({ err: cause }, 'commands met a fault of this program')
    failAll(asks, 'INTERNAL_ERROR', cause)
    return
  }
  log.warn({ err: cause }, 'commands could not be decided')
  failAll(asks, 'UNAVAILABLE', cause)
}
