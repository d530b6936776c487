/**
 * Turns the adapters' errors into the three things a projector can do about them.
 */

import { type BackOff, pause } from '../back-off.js'
import { E, type TaskEither } from '../fp.js'
import type { StreamError } from '../stream/errors.js'
import type { TableError } from '../tables/errors.js'

export type AdapterError = StreamError | TableError

/** Thrown inside the projector's loops; they dispatch on `error.tag`. */
export class ProjectionFailure extends Error {
  override readonly name = 'ProjectionFailure'
  readonly error: AdapterError

  constructor(error: AdapterError) {
    super(error.message, { cause: error.cause })
    this.error = error
  }
}

/** Runs an adapter's task inside a loop: its right value, or a `ProjectionFailure` that keeps the cause. */
export const run = async <A>(task: TaskEither<AdapterError, A>): Promise<A> => {
  const result = await task()
  if (E.isLeft(result)) throw new ProjectionFailure(result.left)
  return result.right
}

/** Whether `thrown` is an adapter's error of this tag. */
export const failedWith = (thrown: unknown, tag: AdapterError['tag']): boolean =>
  thrown instanceof ProjectionFailure && thrown.error.tag === tag

const PERSIST_MS = 60_000
const BACK_OFF: BackOff = { first_ms: 50, max_ms: 3_000 }

/**
 * Does `work`, which may be done again, and again while it fails with `TryAgain`, for a minute: what takes long to build
 * shall not be given up for a moment's outage. Throws what `work` threw last.
 */
export const persist = async <A>(work: () => Promise<A>, signal: AbortSignal): Promise<A> => {
  const until_ms = performance.now() + PERSIST_MS
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work()
    } catch (thrown) {
      if (!failedWith(thrown, 'TryAgain') || signal.aborted || performance.now() > until_ms) throw thrown
      await pause(BACK_OFF, attempt, signal)
    }
  }
}
