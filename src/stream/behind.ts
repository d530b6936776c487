/**
 * Repeats a question while the server that answers has less than is proved to be stored. The next question may reach
 * another server, and a server that is only behind catches up.
 */

import { type BackOff, pause } from '../back-off.js'
import { E, type Either } from '../fp.js'
import type { StreamError } from './errors.js'

/** The answer of a server that has less than is known to be stored. */
export const BEHIND = Symbol('behind')

const BACK_OFF: BackOff = { first_ms: 10, max_ms: 500 }
const TRIES_MAX = 8
const never = new AbortController().signal

/**
 * Gives the first answer of `ask` that is not `BEHIND`. `TryAgain` when there is none after 8 tries (two seconds);
 * `what` completes its message "no server that answers ...".
 */
export const againWhileBehind = async <A>(
  what: string,
  ask: () => Promise<Either<StreamError, A | typeof BEHIND>>,
): Promise<Either<StreamError, A>> => {
  for (let attempt = 1; attempt <= TRIES_MAX; attempt += 1) {
    const answer = await ask()
    if (E.isLeft(answer)) return answer
    if (answer.right !== BEHIND) return E.right(answer.right)
    await pause(BACK_OFF, attempt, never)
  }
  return E.left({ tag: 'TryAgain', message: `no server that answers ${what}` })
}
