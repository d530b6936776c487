/**
 * Looks a transaction up in everything that was acknowledged before the call, whoever its customer is: in the journal as far
 * as it is complete, then in the rest of what the stream held at the call.
 *
 * The end of the stream has to be proved: a leader that was replaced does not know what the new one has stored.
 */

import { run } from '../../fp.js'
import { documentsWith } from '../../json.js'
import { leadershipOf } from '../../stream/leadership.js'
import { type Range, readRange } from '../../stream/read.js'
import { LEDGER_STREAM, LEDGER_SUBJECTS } from '../../stream/settings.js'
import type { CommandDeps } from '../deps.js'
import type { JournalLookup } from './journal-lookup.js'
import { type StoredTransaction, storedFrom } from './stored-transaction.js'

/** So many of the newest events are looked at first: most questions are about what just happened. */
const NEWEST_EVENTS = 10_000

/**
 * What is stored under an id. `is_new`: no event has it, not even one that the fold refused, which the journal does not have.
 * `is_filtered`: every id that no event has is known as new, apart from a few that cannot be told.
 */
export type FoundEverywhere = {
  readonly known: StoredTransaction | undefined
  readonly is_new: boolean
  readonly is_filtered: boolean
}

/** What is known without a journal. */
const NOTHING = { known: undefined, seq: 0, is_filtered: false }

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

/**
 * Finds the transaction of an id. Rejects while no server proves the end of the stream, and when more than `events_max`
 * events would have to be read.
 */
export const findEverywhere = async (
  deps: CommandDeps,
  transaction_id: string,
  journal: JournalLookup | undefined,
  events_max: number,
): Promise<FoundEverywhere> => {
  const { last_seq } = await run(leadershipOf(deps.nc).prove())
  const { known, seq, is_filtered } = (await journal?.lookUp(transaction_id)) ?? NOTHING
  if (known !== undefined || seq >= last_seq)
    return { known, is_new: known === undefined && seq === Number.POSITIVE_INFINITY, is_filtered }
  if (last_seq - seq > events_max) throw new Error(`the journal has come to event ${seq} of ${last_seq} only`)
  const all = { stream: LEDGER_STREAM, subject: LEDGER_SUBJECTS }
  const newest_from = Math.max(last_seq - NEWEST_EVENTS, seq) + 1
  const found =
    (await find(deps, { ...all, from_seq: newest_from, to_seq: last_seq }, transaction_id)) ??
    (await find(deps, { ...all, from_seq: seq + 1, to_seq: newest_from - 1 }, transaction_id))
  return { known: found, is_new: false, is_filtered }
}
