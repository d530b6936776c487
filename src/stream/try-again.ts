/**
 * Repeats a task that failed because a server is not ready yet, or because of another writer.
 */

import { type BackOff, pause } from '../back-off.js'
import { E, type TaskEither } from '../fp.js'
import type { StreamError } from './errors.js'

const TRIES_MAX = 20
const BACK_OFF: BackOff = { first_ms: 50, max_ms: 1_000 }

/**
 * Runs `task` up to 20 times, with pauses of about 12 s in all, while it fails with one of `tags` and `signal` has
 * not aborted; then it fails with the last error. A cluster that has just started, or has lost a node, gives
 * `TryAgain` for a moment.
 */
export const tryAgain =
  <A>(
    task: TaskEither<StreamError, A>,
    tags: ReadonlySet<StreamError['tag']>,
    signal: AbortSignal,
  ): TaskEither<StreamError, A> =>
  async () => {
    for (let attempt = 1; ; attempt += 1) {
      const result = await task()
      if (E.isRight(result) || !tags.has(result.left.tag)) return result
      if (attempt === TRIES_MAX || signal.aborted) return result
      await pause(BACK_OFF, attempt, signal)
    }
  }
