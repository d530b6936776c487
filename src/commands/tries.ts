/**
 * How often an ask may lose against others before it is given up.
 */

import type { BackOff } from '../back-off.js'
import { type Ask, failAll } from './ask.js'

export const TRIES_MAX = 10

/** Before another try of what met a write in flight, or a copy that cannot be seen yet. */
export const TRY_PAUSE: BackOff = { first_ms: 5, max_ms: 100 }

/** Those that may be tried once more; the others are answered `CONFLICT`: nothing of them is stored. */
export const retried = (asks: readonly Ask[]): Ask[] => {
  for (const ask of asks) ask.tries += 1
  failAll(
    asks.filter(({ tries }) => tries > TRIES_MAX),
    'CONFLICT',
  )
  return asks.filter(({ tries }) => tries <= TRIES_MAX)
}
