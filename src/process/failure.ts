/**
 * The error that ends a subcommand, and its exit codes: 0 when all is well, 1 when the subcommand was refused, failed or
 * found differences, 2 when it was called wrongly, 3 when the ledger could not be reached or did not answer, so that the
 * outcome of a write is not known.
 */

import { E, type TaskEither } from '../fp.js'

export const NO_ANSWER_CODE = 3

type ExitCode = 1 | 2 | typeof NO_ANSWER_CODE

/** A failure that is printed as one sentence, without a stack trace. */
export class Failure extends Error {
  override readonly name = 'Failure'
  readonly exit_code: ExitCode

  constructor(message: string, options: { readonly cause?: unknown; readonly exit_code?: ExitCode } = {}) {
    super(message, { cause: options.cause })
    this.exit_code = options.exit_code ?? 1
  }
}

/** The exit code for an error of an adapter: servers that give no answer now may give one later. */
const codeOf = (error: { readonly cause?: unknown }): ExitCode => {
  // an adapter that was given a function of this program to call passes its failure on
  if (error.cause instanceof Failure) return error.cause.exit_code
  if (!('tag' in error)) return 1
  if (error.tag === 'Misaddressed') return 2
  return error.tag === 'TryAgain' || error.tag === 'Unavailable' ? NO_ANSWER_CODE : 1
}

/** The `Failure` for an error of an adapter: its message is the sentence. */
export const failureOf = (error: { readonly message: string; readonly cause?: unknown }): Failure =>
  new Failure(error.message, { cause: error.cause, exit_code: codeOf(error) })

/**
 * Runs an adapter's task and resolves with its right value. Throws `Failure` with the message and cause of its left.
 */
export const orFail = async <A>(
  task: TaskEither<{ readonly message: string; readonly cause?: unknown }, A>,
): Promise<A> => {
  const result = await task()
  if (E.isLeft(result)) throw failureOf(result.left)
  return result.right
}
