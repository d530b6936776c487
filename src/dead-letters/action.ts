/**
 * The frame for the actions of a person on the ledger: each has several steps, and each step may be refused.
 */

import { attempt, type TaskEither } from '../fp.js'
import type { StreamError } from '../stream/errors.js'

/** The errors of an action: the stream's errors, and `Refused`, which says why it must not or need not be done. */
export type ActionError =
  | StreamError
  | { readonly tag: 'Refused'; readonly message: string; readonly cause?: undefined }

export const refused = (message: string): ActionError => ({ tag: 'Refused', message })

/** Makes one task of the steps in `work`. A step that fails inside `run` ends the action with its error. */
export const action = <A>(work: () => Promise<A>): TaskEither<ActionError, A> =>
  attempt(work, (thrown): ActionError => {
    const message = thrown instanceof Error ? thrown.message : String(thrown)
    return { tag: 'Unexpected', message, cause: thrown }
  })
