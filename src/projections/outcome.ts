/**
 * Turns the adapters' errors into the three things a projector can do about them.
 */

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
