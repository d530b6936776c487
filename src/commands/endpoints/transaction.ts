/**
 * `customer.transaction`: what became of a transaction. It is the way out of an unknown outcome.
 *
 * The answer is definite: it is `unknown` only after everything was looked at that was acknowledged before the question: the
 * journal as far as it is complete, and the stream from there on (without a journal the whole stream, newest part first). The
 * end of the stream has to be proved: a leader that was replaced does not know what the new one has stored.
 */

import { run } from '../../fp.js'
import { documentsWith } from '../../json.js'
import { leadershipOf } from '../../stream/leadership.js'
import { type Range, readRange } from '../../stream/read.js'
import { LEDGER_STREAM, LEDGER_SUBJECTS } from '../../stream/settings.js'
import type { CommandDeps } from '../deps.js'
import type { JournalLookup } from '../idempotency/journal-lookup.js'
import {
  answerFor,
  commandOf,
  type StoredTransaction,
  storedFrom,
} from '../idempotency/stored-transaction.js'
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

/** So many of the newest events are looked at first: most questions are about what just happened. */
const NEWEST_EVENTS = 10_000

const find = async (
  { nc }: CommandDeps,
  range: Range,
  transaction_id: string,
): Promise<StoredTransaction | undefined> => {
  const mayHoldId = documentsWith(transaction_id)
  for await (const record of readRange(nc, range)) {
    // searching the text spares decoding nearly every event; a direct event may have the id in its body only
    if (!mayHoldId(record.body)) continue
    const known = storedFrom(record)
    if (known?.event.transaction_id === transaction_id) return known
  }
  return undefined
}

/** Looks in the journal as far as it is complete, then in the rest of what the stream held at the call. */
const findEverywhere = async (
  deps: CommandDeps,
  transaction_id: string,
  journal: JournalLookup | undefined,
): Promise<StoredTransaction | undefined> => {
  const { last_seq } = await run(leadershipOf(deps.nc).prove())
  const { known, seq } = (await journal?.lookUp(transaction_id)) ?? { known: undefined, seq: 0 }
  if (known !== undefined || seq >= last_seq) return known
  const all = { stream: LEDGER_STREAM, subject: LEDGER_SUBJECTS }
  const newest_from = Math.max(last_seq - NEWEST_EVENTS, seq) + 1
  return (
    (await find(deps, { ...all, from_seq: newest_from, to_seq: last_seq }, transaction_id)) ??
    (await find(deps, { ...all, from_seq: seq + 1, to_seq: newest_from - 1 }, transaction_id))
  )
}

/** Looks the transaction up in everything that was acknowledged before the call. Rejects while no server proves how far that is. */
export const whatBecameOf = async (
  deps: CommandDeps,
  transaction_id: string,
  journal?: JournalLookup,
): Promise<Fate> => {
  const known = await findEverywhere(deps, transaction_id, journal)
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
