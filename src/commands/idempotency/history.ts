/**
 * A customer's own history: which transaction ids its events have, from the stream alone. It is kept of customers with up to
 * 10,000 events.
 */

import { run } from '../../fp.js'
import { type AccountId, eventSubject } from '../../ledger/account-id.js'
import { decodeEvent } from '../../ledger/event.js'
import { createLru } from '../../lru.js'
import { createSlots } from '../../parallel.js'
import { lastProved } from '../../stream/last.js'
import { readRange } from '../../stream/read.js'
import { forgetWhenSetBack } from '../../stream/set-back.js'
import { LEDGER_STREAM } from '../../stream/settings.js'
import type { CommandDeps } from '../deps.js'
import { storedAt } from './stored-transaction.js'
import { certainlyRefused_ms, type FindTransaction } from './window.js'

/** The number of customers whose histories are remembered, and the largest number of a customer's events. */
const HISTORIES_MAX = 10_000
const EVENTS_MAX = 10_000

/** A customer has too many events: nothing is said of its history. */
export class HistoryTooLong extends Error {
  override readonly name = 'HistoryTooLong'
}

/** A history could not be read soon enough; who tries again later may find that none is needed any more. */
export class HistoriesBusy extends Error {
  override readonly name = 'HistoriesBusy'
}

/**
 * The histories that are read at once, and the longest wait for one. A history costs the stream's server a read for nearly each of
 * its events. While ids cannot be told from memory every command asks for one, and when all of them were read, sixteen at once, the
 * server had no time left for the follower that would end this (docs/adr/0063). A command is answered after three seconds in any case.
 */
const READS_MAX = 4
const WAIT_MS_MAX = 2_500

type History = {
  readonly ids: Map<string, number>
  events: number
  up_to_seq: number
  /** Until this time of `performance.now()` the stream itself refuses the ids of all younger events. */
  fresh_until_ms: number
  /** The history is being read on; a second caller waits for the same reading. */
  reading?: Promise<void> | undefined
}

const newHistory = (): History => ({
  ids: new Map(),
  events: 0,
  up_to_seq: 0,
  fresh_until_ms: Number.NEGATIVE_INFINITY,
})

const isTooLong = ({ events }: History): boolean => events > EVENTS_MAX

/** Reads the history on to the end of the customer's subject, as of an end of the stream that is proved now. */
const readOn = async ({ nc }: CommandDeps, id: AccountId, history: History): Promise<void> => {
  const subject = eventSubject(id)
  const { proof, last } = await run(lastProved(nc, [subject]))
  const to_seq = last.get(subject)?.seq ?? 0
  let { up_to_seq, events } = history
  for await (const { seq, body } of readRange(nc, {
    stream: LEDGER_STREAM,
    subject,
    from_seq: up_to_seq + 1,
    to_seq,
  })) {
    up_to_seq = seq
    events += 1
    if (events > EVENTS_MAX) break
    const decoded = decodeEvent(body, id)
    if (decoded.tag !== 'event' || decoded.event.transaction_id === undefined) continue
    // of several events with one id the first one counts
    if (!history.ids.has(decoded.event.transaction_id)) history.ids.set(decoded.event.transaction_id, seq)
  }
  history.events = events
  if (isTooLong(history)) {
    history.ids.clear()
    return
  }
  if (up_to_seq < to_seq)
    throw new Error(`the events of ${id} could be read up to ${up_to_seq} of ${to_seq} only`)
  history.up_to_seq = up_to_seq
  history.fresh_until_ms = proof.asked_ms + certainlyRefused_ms(proof)
}

/**
 * Looks through the customer's own events. A history is remembered, and read on when it is older than half of the duplicate
 * window, so younger ids are left to the stream. It rejects with `HistoryTooLong` when the customer has too many events.
 */
export const createHistoryFinder = (deps: CommandDeps): FindTransaction => {
  const histories = forgetWhenSetBack(deps.nc, createLru<AccountId, History>(HISTORIES_MAX))

  const historyOf = (id: AccountId): History => {
    const history = histories.get(id) ?? newHistory()
    histories.set(id, history)
    return history
  }

  const slots = createSlots(READS_MAX)

  const refreshed = async (id: AccountId, history: History, newest: boolean): Promise<void> => {
    const asked_ms = performance.now()
    // a reading that is under way may have begun before this call, and may be given up
    if (newest) await history.reading?.catch(() => undefined)
    history.reading ??= slots(async () => {
      // the stream has refused a command whose answer is looked for with `newest`: that has to be told
      if (!newest && performance.now() - asked_ms > WAIT_MS_MAX)
        throw new HistoriesBusy('too many histories of customers are being read')
      await readOn(deps, id, history)
    }).finally(() => {
      history.reading = undefined
    })
    await history.reading
  }

  return async (transaction_id, id, newest = false) => {
    const history = historyOf(id)
    if (isTooLong(history)) throw new HistoryTooLong(`${id} has more than ${EVENTS_MAX} events`)
    if (newest || performance.now() > history.fresh_until_ms) await refreshed(id, history, newest)
    if (isTooLong(history)) throw new HistoryTooLong(`${id} has more than ${EVENTS_MAX} events`)
    const seq = history.ids.get(transaction_id)
    return seq === undefined ? undefined : storedAt(deps, seq)
  }
}
