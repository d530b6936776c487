/**
 * `customer.transaction`: what became of a transaction. It is the way out of an unknown outcome.
 *
 * The answer is definite: it is `unknown` only after everything was looked at that was acknowledged before the question: the
 * journal as far as it is complete, and the stream from there on (without a journal the whole stream, newest part first).
 */

import type { CommandDeps } from '../deps.js'
import { findEverywhere } from '../idempotency/find-everywhere.js'
import type { JournalLookup } from '../idempotency/journal-lookup.js'
import { answerFor, commandOf } from '../idempotency/stored-transaction.js'
import type { CommandFailure, CommandReply } from '../outcome.js'

/** `by` is the caller of the command that was stored, if its event names one. */
export type Fate =
  | { readonly status: 'committed'; readonly reply: CommandReply; readonly by?: string | undefined }
  | {
      readonly status: 'declined'
      readonly error: Pick<CommandFailure, 'code' | 'details'>
      readonly by?: string | undefined
    }
  | { readonly status: 'unknown' }

/** Looks the transaction up in everything that was acknowledged before the call. Rejects while no server proves how far that is. */
export const whatBecameOf = async (
  deps: CommandDeps,
  transaction_id: string,
  journal?: JournalLookup,
): Promise<Fate> => {
  const { known } = await findEverywhere(deps, transaction_id, journal, Number.POSITIVE_INFINITY)
  const command = known === undefined ? undefined : commandOf(known, transaction_id)
  if (known === undefined || command === undefined) return { status: 'unknown' }
  const outcome = await answerFor(deps, command, known)
  // an event that only looks like the first half of a transfer is no transaction
  if (outcome.tag === 'failed' && outcome.code === 'TRANSACTION_ID_REUSED') return { status: 'unknown' }
  const { by } = known
  return outcome.tag === 'done'
    ? { status: 'committed', reply: outcome.reply, by }
    : { status: 'declined', error: { code: outcome.code, details: outcome.details }, by }
}
