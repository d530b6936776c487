/**
 * The only file that imports fp-ts and io-ts; all others import from here.
 *
 * Both libraries are CommonJS without an `exports` map: `import 'fp-ts/Either'` type-checks in an ES module and then fails
 * in Node with ERR_UNSUPPORTED_DIR_IMPORT. So the deep paths stand in this file alone, and `.dependency-cruiser.mjs`
 * enforces that.
 */

import * as E from 'fp-ts/lib/Either.js'
import { pipe } from 'fp-ts/lib/function.js'
import * as TE from 'fp-ts/lib/TaskEither.js'
import * as t from 'io-ts'

export type Either<L, A> = E.Either<L, A>
export type TaskEither<L, A> = TE.TaskEither<L, A>

export { E, pipe, TE, t }

/** The fields that the errors of all adapters have. */
type Described = { readonly tag: string; readonly message: string; readonly cause?: unknown }

/** An exception that carries an adapter's error through code that throws: `unwrap` throws it, `attempt` unpacks it. */
export class Failed<L extends Described = Described> extends Error {
  override readonly name = 'Failed'
  readonly error: L

  constructor(error: L) {
    super(error.message, { cause: error.cause })
    this.error = error
  }
}

/** The right value of a result. Throws `Failed` with the left one. */
export const unwrap = <L extends Described, A>(result: Either<L, A>): A => {
  if (E.isLeft(result)) throw new Failed(result.left)
  return result.right
}

/** Runs a task and returns its right value. Throws `Failed` with the left one. */
export const run = async <L extends Described, A>(task: TaskEither<L, A>): Promise<A> => unwrap(await task())

/**
 * Turns code that throws into a task. The error inside a thrown `Failed` becomes the left value; `toError` makes the left
 * value of any other exception.
 */
export const attempt =
  <L extends Described, A>(work: () => Promise<A>, toError: (thrown: unknown) => L): TaskEither<L, A> =>
  async () => {
    try {
      return E.right(await work())
    } catch (thrown) {
      return E.left(thrown instanceof Failed ? (thrown.error as L) : toError(thrown))
    }
  }
