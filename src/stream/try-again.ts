/**
 * Trying again what a server that is not ready yet, or somebody else, made fail.
 */

import { type BackOff, pause } from '../back-off.js'
import { E, type TaskEither } from '../fp.js'
import type { StreamError } from './errors.js'

const TRIES_MAX = 20
const BACK_OFF: BackOff = { first_ms: 50, max_ms: 1_000 }

/**
 * `task`, tried up to 20 times with pauses of about 12 s in all, while it fails with one of `tags` and `signal` does not
 * abort; then its last error. A cluster that was just started, or that has lost a node, answers `TryAgain` for a moment.
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
