/**
 * What the stream's events say about themselves: every `after`, the conservation of transfers, and whole batches.
 *
 * A table cannot be healed of what is found here, and replay does not try: the events are what they are.
 */

import { createBatchCheck, describePart, type PartOfBatch } from '../stream/batches.js'
import { BATCH_MESSAGES_MAX } from '../stream/publish.js'
import type { Differences } from './difference.js'
import { claimOf } from './event.js'
import type { Step } from './walk.js'

const jsonOf = (value: unknown): string => {
  try {
    return JSON.stringify(value) ?? ''
  } catch {
    // a claim may be nested deeper than the stack
    return 'something nested too deep to be shown'
  }
}

const show = (value: unknown): string =>
  (typeof value === 'bigint' ? String(value) : jsonOf(value)).slice(0, 200)

/** Every claim of an event that counts is the fold's own result; a claim of a refused event is wrong unless it is. */
const checkAfter = (differences: Differences, { entry, id, event, outcome, after }: Step): void => {
  if (id === undefined || event?.after === undefined || outcome === 'left out') return
  const claim = claimOf(event.after)
  const about = { where: 'stream', kind: 'after', id, seq: entry.seq } as const
  if (claim === undefined) {
    differences.add({ ...about, field: 'after', is: show(event.after), should_be: 'a balance and a version' })
  }
  for (const name of ['balance', 'version'] as const) {
    if (claim === undefined || claim[name] === after[name]) continue
    differences.add({ ...about, field: `after.${name}`, is: show(claim[name]), should_be: show(after[name]) })
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

/** Every atomic batch is there whole. */
const createBatches = (differences: Differences, client_id: string | undefined) => {
  const check = createBatchCheck()
  /** The last event of the customer that is asked about. */
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
      // a part that lacks its beginning ends with this event, any other one ended before it
      if (is_own && part?.to_seq === entry.seq) own_seq = entry.seq
      add(part)
      if (is_own) own_seq = entry.seq
    },
    isOpen: () => check.open() !== undefined,
    end: () => add(check.open()),
  }
}

/** Told of every event in order. `transfers` counts the whole ones. */
export const createStreamChecks = (differences: Differences, client_id: string | undefined) => {
  /** A debit side, until the event after it is seen. */
  let held: Step | undefined
  let transfers = 0
  const batches = createBatches(differences, client_id)

  const find = ({ id = '', entry, event }: Step, detail: string): void => {
    if (client_id !== undefined && client_id !== id && client_id !== event?.counterparty) return
    differences.add({ where: 'stream', kind: 'transfer', id, seq: entry.seq, detail })
  }

  const checkWhole = (debit: Step, credit: Step): void => {
    transfers += 1
    const outcomes = [debit.outcome, credit.outcome]
    // a customer that is parked waits: its side is neither in nor out
    if (outcomes.includes('left out')) return
    if ((debit.outcome === 'applied') === (credit.outcome === 'applied')) return
    find(debit, `one side counts and the other does not: debit ${debit.outcome}, credit ${credit.outcome}`)
  }

  /** What follows a debit side cannot be read yet: whether it is the other side cannot be told. */
  const isUnread = (debit: Step, next: Step): boolean =>
    next.event === undefined &&
    (next.outcome === 'left out' || next.outcome === 'SKIPPED') &&
    next.id === debit.event?.counterparty

  /** A side alone conserves nothing, if it counts. */
  const findAlone = (step: Step, detail: string): void => {
    if (step.outcome === 'applied') find(step, detail)
  }

  const debitAlone = (debit: Step): void =>
    findAlone(debit, `half a transfer: its credit to ${debit.event?.counterparty} is not the next event`)

  return {
    see: (step: Step): void => {
      batches.see(step)
      if (client_id === undefined || client_id === step.id) checkAfter(differences, step)
      const debit = held
      held = isSide(step, 'debit') ? step : undefined
      if (debit !== undefined && areOne(debit, step)) {
        checkWhole(debit, step)
        return
      }
      if (debit !== undefined && !isUnread(debit, step)) debitAlone(debit)
      if (isSide(step, 'credit')) {
        findAlone(step, `half a transfer: its debit from ${step.event?.counterparty} is not the event before`)
      }
    },
    /** How many events the last one wants after it, at the most. */
    waitsFor: (): number => (batches.isOpen() ? BATCH_MESSAGES_MAX : held === undefined ? 0 : 1),
    /** No event follows: a debit side at the end is half a transfer, and an open batch a part of one. */
    end: (): void => {
      batches.end()
      if (held !== undefined) debitAlone(held)
      held = undefined
    },
    transfers: () => transfers,
  }
}
