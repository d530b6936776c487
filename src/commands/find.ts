/**
 * Finds the event that is stored under a transaction id.
 *
 * Three rings: the stream's duplicate window, which refuses a batch that holds a known id; the customer's own history,
 * within a bound; and the journal, once that projection exists, which will take the history's place behind
 * `FindTransaction`.
 */

import { type ClientId, eventSubject } from '../ledger/client-id.js'
import { decodeEvent } from '../ledger/event.js'
import { readRange } from '../stream/read.js'
import { LEDGER_STREAM, LEDGER_SUBJECTS } from '../stream/settings.js'
import type { CommandDeps } from './deps.js'
import { type Known, knownAt, knownFrom } from './known.js'

/** The stored event of `transaction_id` for a command on `id`; undefined when there is none within the bounds. */
export type FindTransaction = (transaction_id: string, id: ClientId) => Promise<Known | undefined>

/** The stream's duplicate window, and what our clock may differ from the server's. */
const WINDOW_MS = 120_000
const CLOCKS_DIFFER_MS = 30_000

/**
 * Looks through everything that the stream has stored within its duplicate window for the ids of `wanted`. This is
 * what is left after a batch was refused for a known id, because the server does not say which. (A publish that is
 * made to fail would tell the sequence, but one that expects another last message id blocks a replicated stream of
 * nats-server 2.14.0 for good; docs/adr/0010.)
 */
export const findInWindow = async (
  { nc, jsm }: CommandDeps,
  wanted: ReadonlySet<string>,
): Promise<Map<string, Known>> => {
  const { state } = await jsm.streams.info(LEDGER_STREAM)
  const found = new Map<string, Known>()
  const range = { stream: LEDGER_STREAM, subject: LEDGER_SUBJECTS, from_seq: 1, to_seq: state.last_seq }
  const from_time = new Date(Date.now() - WINDOW_MS - CLOCKS_DIFFER_MS)
  for await (const record of readRange(nc, { ...range, from_time })) {
    const msg_id = record.headers?.get('Nats-Msg-Id') ?? ''
    if (!wanted.has(msg_id) || found.has(msg_id)) continue
    const known = knownFrom(record)
    if (known !== undefined) found.set(msg_id, known)
  }
  return found
}

/** How many customers' histories are remembered, and how many of a customer's newest transactions. */
const HISTORIES_MAX = 10_000
const TRANSACTIONS_MAX = 10_000
/** Half of the duplicate window: whatever is younger than a history is found by the window itself. */
const FRESH_MS = 60_000

type History = { readonly ids: Map<string, number>; up_to_seq: number; read_at_ms: number }

const newHistory = (): History => ({ ids: new Map(), up_to_seq: 0, read_at_ms: Number.NEGATIVE_INFINITY })

/** Reads on from where the history ends. */
const readOn = async ({ nc, jsm }: CommandDeps, id: ClientId, history: History): Promise<void> => {
  const now_ms = performance.now()
  const { state } = await jsm.streams.info(LEDGER_STREAM)
  const range = { stream: LEDGER_STREAM, subject: eventSubject(id), from_seq: history.up_to_seq + 1 }
  for await (const { seq, body } of readRange(nc, { ...range, to_seq: state.last_seq })) {
    const decoded = decodeEvent(body)
    if (decoded.tag !== 'event' || decoded.event.transaction_id === undefined) continue
    // the first event of an id is the one that counts
    if (!history.ids.has(decoded.event.transaction_id)) history.ids.set(decoded.event.transaction_id, seq)
    if (history.ids.size > TRANSACTIONS_MAX) history.ids.delete(history.ids.keys().next().value ?? '')
  }
  history.up_to_seq = state.last_seq
  history.read_at_ms = now_ms
}

/**
 * Looks through the customer's own subject: its newest 10,000 transactions. A history is remembered and read on when
 * it is older than half of the duplicate window, so `findInWindow` has to be asked too.
 */
export const createHistoryFinder = (deps: CommandDeps): FindTransaction => {
  const histories = new Map<ClientId, History>()

  const historyOf = (id: ClientId): History => {
    const history = histories.get(id) ?? newHistory()
    // the most recently used is last: the first is the one to forget
    histories.delete(id)
    histories.set(id, history)
    if (histories.size > HISTORIES_MAX) histories.delete(histories.keys().next().value ?? id)
    return history
  }

  return async (transaction_id, id) => {
    const history = historyOf(id)
    if (performance.now() - history.read_at_ms > FRESH_MS) await readOn(deps, id, history)
    const seq = history.ids.get(transaction_id)
    return seq === undefined ? undefined : knownAt(deps, seq)
  }
}
