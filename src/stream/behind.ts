/**
 * Asking again where the server that answered has less than is proved to be stored: the next question may reach another
 * server, and one that is only behind comes up.
 */

import { type BackOff, pause } from '../back-off.js'
import { E, type Either } from '../fp.js'
import type { StreamError } from './errors.js'

/** The server that answered is behind what is known to be stored. */
export const BEHIND = Symbol('behind')

const BACK_OFF: BackOff = { first_ms: 10, max_ms: 500 }
const TRIES_MAX = 8
const never = new AbortController().signal

/** The first answer that is not `BEHIND`; `TryAgain` with `what` when there is none after some tries (two seconds). */
export const againWhileBehind = async <A>(
  what: string,
  ask: () => Promise<Either<StreamError, A | typeof BEHIND>>,
): Promise<Either<StreamError, A>> => {
  for (let attempt = 1; attempt <= TRIES_MAX; attempt += 1) {
    const asked = await ask()
    if (E.isLeft(asked)) return asked
    if (asked.right !== BEHIND) return E.right(asked.right)
    await pause(BACK_OFF, attempt, never)
  }
  return E.left({ tag: 'TryAgain', message: `no server that answers ${what}` })
}
