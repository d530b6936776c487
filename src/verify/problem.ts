/**
 * Defines how verify ends without a result: a read has failed, or a wait took too long.
 */

import { type BackOff, pause } from '../back-off.js'
import { E, type TaskEither } from '../fp.js'

/** Thrown when verify can say nothing about the ledger. `cause` is the adapter's own error, if there is one. */
export class CannotVerify extends Error {
  override readonly name = 'CannotVerify'
}

type AdapterError = { readonly tag: string; readonly message: string; readonly cause?: unknown }

const TRIES_MAX = 8
const BACK_OFF: BackOff = { first_ms: 100, max_ms: 3_000 }

/**
 * Runs an adapter's task, and repeats it up to 7 times while it fails with `TryAgain`. Throws `CannotVerify` if it
 * fails.
 */
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
