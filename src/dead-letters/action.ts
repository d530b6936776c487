/**
 * What a person does to the ledger in several steps, of which each may be refused.
 */

import { attempt, type TaskEither } from '../fp.js'
import type { StreamError } from '../stream/errors.js'

/** What goes wrong beside the stream's own errors: `Refused` says why it must not or need not be done. */
export type ActionError =
  | StreamError
  | { readonly tag: 'Refused'; readonly message: string; readonly cause?: undefined }

export const refused = (message: string): ActionError => ({ tag: 'Refused', message })

/** An action of several steps as one task; `run` ends it where a step fails. */
export const action = <A>(work: () => Promise<A>): TaskEither<ActionError, A> =>
  attempt(work, (thrown): ActionError => {
    const message = thrown instanceof Error ? thrown.message : String(thrown)
    return { tag: 'Unexpected', message, cause: thrown }
  })
