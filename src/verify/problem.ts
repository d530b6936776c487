/**
 * How verify ends when it cannot tell: it could not read something, or had to wait too long.
 */

import { type BackOff, pause } from '../back-off.js'
import { E, type TaskEither } from '../fp.js'

/** Nothing is said about the ledger; `cause` is what the adapter said. */
export class CannotVerify extends Error {
  override readonly name = 'CannotVerify'
}

type AdapterError = { readonly tag: string; readonly message: string; readonly cause?: unknown }

const TRIES_MAX = 8
const BACK_OFF: BackOff = { first_ms: 100, max_ms: 3_000 }

/** Runs an adapter's task, again while it says that trying again may help; throws `CannotVerify` in the end. */
export const persist = async <A>(task: TaskEither<AdapterError, A>, signal: AbortSignal): Promise<A> => {
  for (let attempt = 1; ; attempt += 1) {
    const result = await task()
    if (E.isRight(result)) return result.right
    const { tag, message, cause } = result.left
    if (tag !== 'TryAgain' || attempt === TRIES_MAX || signal.aborted)
      throw new CannotVerify(message, { cause })
    await pause(BACK_OFF, attempt, signal)
  }
}
