/**
 * What a person does to the ledger in several steps, of which each may be refused.
 */

import { E, type TaskEither } from '../fp.js'
import type { StreamError } from './errors.js'

/** What goes wrong beside the stream's own errors: `Refused` says why it must not or need not be done. */
export type ActionError =
  | StreamError
  | { readonly tag: 'Refused'; readonly message: string; readonly cause?: undefined }

export const refused = (message: string): ActionError => ({ tag: 'Refused', message })

/** Thrown inside an action and turned into its left value. */
export class Stopped extends Error {
  readonly error: ActionError
  constructor(error: ActionError) {
    super(error.message)
    this.error = error
  }
}

/** The right value of a task; its left value ends the action. */
export const run = async <A>(task: TaskEither<ActionError, A>): Promise<A> => {
  const result = await task()
  if (E.isLeft(result)) throw new Stopped(result.left)
  return result.right
}

/** An action of several steps as one task. */
export const action =
  <A>(work: () => Promise<A>): TaskEither<ActionError, A> =>
  async () => {
    try {
      return E.right(await work())
    } catch (thrown) {
      if (thrown instanceof Stopped) return E.left(thrown.error)
      const message = thrown instanceof Error ? thrown.message : String(thrown)
      return E.left({ tag: 'Unexpected', message, cause: thrown })
    }
  }
