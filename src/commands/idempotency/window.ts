/**
 * Finds the event that is stored under a transaction id.
 *
 * Three rings: the stream's duplicate window, in which the stream itself refuses a batch with a known id; the customer's own
 * history, within a bound; and the journal, which takes the place of the history if that projection runs. The clock of the
 * stream's leader says which ring an event belongs to, never the clock of this machine.
 */

import { E, run } from '../../fp.js'
import type { AccountId } from '../../ledger/account-id.js'
import { leadershipOf, type Proof } from '../../stream/leadership.js'
import { nextKnown, readRange } from '../../stream/read.js'
import { LEDGER_STREAM, LEDGER_SUBJECTS } from '../../stream/settings.js'
import type { CommandDeps } from '../deps.js'
import { type StoredTransaction, storedFrom } from './stored-transaction.js'

/**
 * Finds the stored event of `transaction_id` for a command on the customer `id`. Undefined: no event older than half of the
 * duplicate window has that id (with `newest`: no event that was stored before the call). Rejects when that is not certain.
 */
export type FindTransaction = (
  transaction_id: string,
  id: AccountId,
  newest?: boolean,
) => Promise<StoredTransaction | undefined>

/** The clocks of two servers may differ by so much: an event has the time of the server that led when it was stored. */
const CLOCKS_DIFFER_MS = 30_000

/**
 * The age up to which the stream certainly refuses the message id of an event, in milliseconds. The other half of the window
 * is for what happens meanwhile, and for servers whose clocks differ.
 */
export const certainlyRefused_ms = ({ duplicate_window_ms }: Proof): number => duplicate_window_ms / 2

/** An end of the stream that is proved now. Rejects when no server proves one. */
const proveEnd = ({ nc }: CommandDeps): Promise<Proof> => run(leadershipOf(nc).prove())

/** A message with a wanted id; `stored` is undefined if the message is no event of a command. */
export type Holder = { readonly stored: StoredTransaction | undefined }

/** Rejects when not everything was read: the server of a reader may be behind, and hold less than was proved. */
const checkComplete = async (
  { nc }: CommandDeps,
  read_seq: number,
  end_seq: number,
  from_time: Date,
): Promise<void> => {
  if (read_seq >= end_seq) return
  const last = read_seq > 0 ? undefined : await nextKnown(nc, LEDGER_STREAM, LEDGER_SUBJECTS, end_seq)()
  const isOlder = last !== undefined && E.isRight(last) && (last.right?.at ?? from_time) < from_time
  if (!isOlder) throw new Error(`the newest events could be read up to ${read_seq} of ${end_seq} only`)
}

/**
 * Looks for the message ids of `wanted` in everything that the stream has stored within its duplicate window. That is needed
 * after a batch was refused for a known id, because the server does not say which id. (A publish that is made to fail would
 * tell the sequence, but one that expects another last message id blocks a replicated stream of
 * nats-server 2.14.0 for good; docs/adr/0010.)
 */
export const findInWindow = async (
  deps: CommandDeps,
  wanted: ReadonlySet<string>,
): Promise<Map<string, Holder>> => {
  const { last_seq: to_seq, server_time, duplicate_window_ms } = await proveEnd(deps)
  const found = new Map<string, Holder>()
  if (to_seq === 0) return found
  const range = { stream: LEDGER_STREAM, subject: LEDGER_SUBJECTS, from_seq: 1, to_seq }
  const from_time = new Date(server_time.getTime() - duplicate_window_ms - CLOCKS_DIFFER_MS)
  let read_seq = 0
  for await (const record of readRange(deps.nc, { ...range, from_time })) {
    read_seq = record.seq
    const msg_id = record.headers?.get('Nats-Msg-Id') ?? ''
    if (wanted.has(msg_id) && !found.has(msg_id)) found.set(msg_id, { stored: storedFrom(record) })
  }
  await checkComplete(deps, read_seq, to_seq, from_time)
  return found
}
