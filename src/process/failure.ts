/**
 * The error that ends a subcommand, and its exit codes: 0 when all is well, 1 when the subcommand failed, 2 when it was
 * called wrongly, 3 when it sent a write and does not know whether the write was carried out.
 */

import { E, type TaskEither } from '../fp.js'

export const OUTCOME_UNKNOWN_CODE = 3

type ExitCode = 1 | 2 | typeof OUTCOME_UNKNOWN_CODE

/** A failure that is printed as one sentence, without a stack trace. */
export class Failure extends Error {
  override readonly name = 'Failure'
  readonly exit_code: ExitCode

  constructor(message: string, options: { readonly cause?: unknown; readonly exit_code?: ExitCode } = {}) {
    super(message, { cause: options.cause })
    this.exit_code = options.exit_code ?? 1
  }
}

/**
 * Runs an adapter's task and resolves with its right value. Throws `Failure` with the message and cause of its left.
 */
export const orFail = async <A>(
  task: TaskEither<{ readonly message: string; readonly cause?: unknown }, A>,
): Promise<A> => {
  const result = await task()
  if (E.isLeft(result)) throw new Failure(result.left.message, { cause: result.left.cause })
  return result.right
}
