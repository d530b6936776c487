/**
 * A customer's own history: which transaction ids its newest 10,000 transactions had, from the stream alone.
 */

import { type ClientId, eventSubject } from '../ledger/client-id.js'
import { decodeEvent } from '../ledger/event.js'
import { createLru } from '../lru.js'
import { createSlots } from '../parallel.js'
import { readRange } from '../stream/read.js'
import { LEDGER_STREAM } from '../stream/settings.js'
import type { CommandDeps } from './deps.js'
import type { FindTransaction } from './find.js'
import { knownAt } from './known.js'

/** How many customers' histories are remembered, and how many of a customer's newest transactions. */
const HISTORIES_MAX = 10_000
const TRANSACTIONS_MAX = 10_000
/** Half of the duplicate window: whatever is younger than a history is found by the window itself. */
const FRESH_MS = 60_000

/** Histories that are read at once. */
const READS_MAX = 16

type History = {
  readonly ids: Map<string, number>
  up_to_seq: number
  read_at_ms: number
  /** Reading on at the moment: whoever asks meanwhile waits for the same. */
  reading?: Promise<void> | undefined
}

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
 * Looks through the customer's own subject. A history is remembered and read on when it is older than half of the
 * duplicate window, so the window has to be asked too.
 */
export const createHistoryFinder = (deps: CommandDeps): FindTransaction => {
  const histories = createLru<ClientId, History>(HISTORIES_MAX)

  const historyOf = (id: ClientId): History => {
    const history = histories.get(id) ?? newHistory()
    histories.set(id, history)
    return history
  }

  const refreshed = async (id: ClientId, history: History): Promise<void> => {
    history.reading ??= slots(() => readOn(deps, id, history)).finally(() => {
      history.reading = undefined
    })
    await history.reading
  }

  const slots = createSlots(READS_MAX)

  return async (transaction_id, id, newest = false) => {
    const history = historyOf(id)
    if (newest || performance.now() - history.read_at_ms > FRESH_MS) {
      // what is being read may have begun before the caller asked
      if (newest) await history.reading
      await refreshed(id, history)
    }
    const seq = history.ids.get(transaction_id)
    return seq === undefined ? undefined : knownAt(deps, seq)
  }
}
