/**
 * Checks the stream's events against each other: every claim `after`, the two sides of transfers, and whole batches.
 *
 * A fault that is found here is in the events themselves, so no replay of a table can mend it.
 */

import { createBatchCheck, describePart, type PartOfBatch } from '../stream/batches.js'
import { BATCH_MESSAGES_MAX } from '../stream/publish.js'
import type { Differences } from './difference.js'
import { claimOf } from './event.js'
import { digestOf } from './rules-text.js'
import type { Step } from './walk.js'

const jsonOf = (value: unknown): string => {
  try {
    return JSON.stringify(value) ?? ''
  } catch {
    // a claim may be nested deeper than the stack allows
    return 'something nested too deep to be shown'
  }
}

const show = (value: unknown): string =>
  (typeof value === 'bigint' ? String(value) : jsonOf(value)).slice(0, 200)

/** Reports a claim `after` that is not the fold's own result, for an event that counts and for a refused one. */
const checkAfter = (differences: Differences, { entry, id, event, outcome, after }: Step): void => {
  if (id === undefined || event?.after === undefined || outcome === 'left out') return
  const claim = claimOf(event.after)
  const about = { where: 'stream', kind: 'after', id, seq: entry.seq } as const
  if (claim === undefined) {
    differences.add({ ...about, field: 'after', is: show(event.after), should_be: 'a balance and a version' })
  }
  const { balance, version } = after
  // a claim may leave the rules out, and the digest of many holds takes time
  const rules = claim?.rules === undefined ? undefined : (digestOf(after.terms) ?? 'none')
  const should_be = { balance, version, rules }
  for (const name of ['balance', 'version', 'rules'] as const) {
    if (claim === undefined || claim[name] === should_be[name]) continue
    differences.add({
      ...about,
      field: `after.${name}`,
      is: show(claim[name]),
      should_be: show(should_be[name]),
    })
  }
}

const isSide = ({ event }: Step, type: 'credit' | 'debit'): boolean =>
  event?.type === type && event.counterparty !== undefined

/** Whether `credit` is the other side of `debit`: the very next event, between the same two, of the same amount. */
const areOne = (debit: Step, credit: Step): boolean =>
  credit.entry.seq === debit.entry.seq + 1 &&
  isSide(credit, 'credit') &&
  credit.id === debit.event?.counterparty &&
  debit.id === credit.event?.counterparty &&
  credit.event?.amount === debit.event?.amount &&
  debit.event?.transaction_id !== undefined &&
  credit.event?.transaction_id === `${debit.event.transaction_id}:credit`

/** Creates the check that every atomic batch is whole. */
const createBatches = (differences: Differences, client_id: string | undefined) => {
  const check = createBatchCheck()
  /** The sequence of the last event of the one customer that is compared. */
  let own_seq = 0

  const add = (part: PartOfBatch | undefined): void => {
    if (part === undefined || (client_id !== undefined && own_seq < part.from_seq)) return
    const { batch_id, from_seq } = part
    differences.add({
      where: 'stream',
      kind: 'batch',
      id: batch_id,
      seq: from_seq,
      detail: describePart(part),
    })
  }

  return {
    see: ({ entry, id }: Step): void => {
      const part = check.see(entry)
      const is_own = id === client_id
      // a part that lacks its beginning ends with this event; any other part has ended before it
      if (is_own && part?.to_seq === entry.seq) own_seq = entry.seq
      add(part)
      if (is_own) own_seq = entry.seq
    },
    isOpen: () => check.open() !== undefined,
    end: () => add(check.open()),
  }
}

/** Creates the checks. `see` takes every event in stream order, and `transfers` is the number of whole transfers. */
export const createStreamChecks = (differences: Differences, client_id: string | undefined) => {
  /** The debit side of a transfer, until the event after it is seen. */
  let open_debit: Step | undefined
  let transfers = 0
  const batches = createBatches(differences, client_id)

  const addDifference = ({ id = '', entry, event }: Step, detail: string): void => {
    if (client_id !== undefined && client_id !== id && client_id !== event?.counterparty) return
    differences.add({ where: 'stream', kind: 'transfer', id, seq: entry.seq, detail })
  }

  const checkWhole = (debit: Step, credit: Step): void => {
    transfers += 1
    const outcomes = [debit.outcome, credit.outcome]
    // a parked customer waits, so its side is neither applied nor refused yet
    if (outcomes.includes('left out')) return
    if ((debit.outcome === 'applied') === (credit.outcome === 'applied')) return
    addDifference(
      debit,
      `one side counts and the other does not: debit ${debit.outcome}, credit ${credit.outcome}`,
    )
  }

  /** Whether the event after a debit side cannot be read yet, so that it may be the other side. */
  const isUnread = (debit: Step, next: Step): boolean =>
    next.event === undefined &&
    (next.outcome === 'left out' || next.outcome === 'SKIPPED') &&
    next.id === debit.event?.counterparty

  /** Reports a side without its other side, if it counts: then money appears or disappears. */
  const reportAlone = (step: Step, detail: string): void => {
    if (step.outcome === 'applied') addDifference(step, detail)
  }

  const reportDebitAlone = (debit: Step): void =>
    reportAlone(debit, `half a transfer: its credit to ${debit.event?.counterparty} is not the next event`)

  return {
    see: (step: Step): void => {
      batches.see(step)
      if (client_id === undefined || client_id === step.id) checkAfter(differences, step)
      const debit = open_debit
      open_debit = isSide(step, 'debit') ? step : undefined
      if (debit !== undefined && areOne(debit, step)) {
        checkWhole(debit, step)
        return
      }
      if (debit !== undefined && !isUnread(debit, step)) reportDebitAlone(debit)
      if (isSide(step, 'credit')) {
        reportAlone(
          step,
          `half a transfer: its debit from ${step.event?.counterparty} is not the event before`,
        )
      }
    },
    /** The largest number of events that may still belong together with the last one. */
    waitsFor: (): number => (batches.isOpen() ? BATCH_MESSAGES_MAX : open_debit === undefined ? 0 : 1),
    /**
     * Ends the checks: with no event to follow, a debit side at the end is half a transfer, and an open batch is
     * incomplete.
     */
    end: (): void => {
      batches.end()
      if (open_debit !== undefined) reportDebitAlone(open_debit)
      open_debit = undefined
    },
    transfers: () => transfers,
  }
}
