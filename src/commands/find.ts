/**
 * Finds the event that is stored under a transaction id.
 *
 * Three rings: the stream's duplicate window, which refuses a batch that holds a known id; the customer's own history,
 * within a bound; and the journal, which takes the history's place where that projection is there.
 */

import type { ClientId } from '../ledger/client-id.js'
import { readRange } from '../stream/read.js'
import { LEDGER_STREAM, LEDGER_SUBJECTS } from '../stream/settings.js'
import type { CommandDeps } from './deps.js'
import { type Known, knownFrom } from './known.js'

/**
 * The stored event of `transaction_id` for a command on `id`; undefined when there is none that is older than half of
 * the duplicate window (`newest`: none that was stored before the call) within the bounds. Rejects when that cannot be
 * told.
 */
export type FindTransaction = (
  transaction_id: string,
  id: ClientId,
  newest?: boolean,
) => Promise<Known | undefined>

/** The stream's duplicate window, and what our clock may differ from the server's. */
export const WINDOW_MS = 120_000
const CLOCKS_DIFFER_MS = 30_000

/** What holds a message id: an event, or something that answers for no command. */
export type Holder = { readonly known: Known | undefined }

/**
 * Looks through everything that the stream has stored within its duplicate window for the message ids of `wanted`. This
 * is what is left after a batch was refused for a known id, because the server does not say which. (A publish that is
 * made to fail would tell the sequence, but one that expects another last message id blocks a replicated stream of
 * nats-server 2.14.0 for good; docs/adr/0010.)
 */
export const findInWindow = async (
  { nc, jsm }: CommandDeps,
  wanted: ReadonlySet<string>,
): Promise<Map<string, Holder>> => {
  const { state } = await jsm.streams.info(LEDGER_STREAM)
  const found = new Map<string, Holder>()
  const range = { stream: LEDGER_STREAM, subject: LEDGER_SUBJECTS, from_seq: 1, to_seq: state.last_seq }
  const from_time = new Date(Date.now() - WINDOW_MS - CLOCKS_DIFFER_MS)
  for await (const record of readRange(nc, { ...range, from_time })) {
    const msg_id = record.headers?.get('Nats-Msg-Id') ?? ''
    if (wanted.has(msg_id) && !found.has(msg_id)) found.set(msg_id, { known: knownFrom(record) })
  }
  return found
}
