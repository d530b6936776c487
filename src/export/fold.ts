/**
 * Folds events in stream order, and says of each what became of it: the rows of an export.
 *
 * It uses the law of the ledger itself (`step`), so an export and a balance never disagree. It keeps one account per
 * customer that it has met, and nothing else: its memory grows with the customers and not with the events.
 */

import { E } from '../fp.js'
import { type AccountId, accountOn, namesOf, otherSide } from '../ledger/account-id.js'
import { callerIn } from '../ledger/caller.js'
import { type Decoded, decodeBody, decodeEvent, detailsOf, type LedgerEvent } from '../ledger/event.js'
import { type Customer, NEW_CUSTOMER, type Step, step } from '../ledger/fold.js'
import { NO_SKIPS, type Skip, type Skips } from '../ledger/skip.js'
import type { Recorded } from '../stream/recorded.js'
import type { EventRow, RowEffect } from './row.js'

/** Finds the decision of a person about a customer's event that no program could read; undefined without one. */
export type FindSkip = (id: AccountId, seq: number) => Promise<Skip | undefined>

export type ExportFold = {
  /**
   * Folds the next events and gives a row for each. Events have to come in stream order, none left out of those of a
   * customer.
   */
  readonly takePage: (page: readonly Recorded[]) => Promise<readonly EventRow[]>
  /** Every customer that has an event which counts, or waits. */
  readonly customers: ReadonlyMap<AccountId, Customer>
}

/** The fields that have no column of their own, as they stand in the event. */
const othersOf = (event: LedgerEvent): object | undefined => {
  const declined = event.type === 'declined' ? event.declined : undefined
  const details = detailsOf(event)
  return declined === undefined ? details : { declined, ...details }
}

type EventFields = Pick<
  EventRow,
  'type' | 'amount' | 'transaction_id' | 'reference' | 'counterparty' | 'metadata' | 'details'
>

const NOTHING: EventFields = {
  type: undefined,
  amount: undefined,
  transaction_id: undefined,
  reference: undefined,
  counterparty: undefined,
  metadata: undefined,
  details: undefined,
}

const fieldsIn = (decoded: Decoded, id: AccountId | undefined): EventFields => {
  switch (decoded.tag) {
    case 'event': {
      const { type, amount, transaction_id, reference, transfer, metadata } = decoded.event
      const details = othersOf(decoded.event)
      return {
        type,
        amount,
        transaction_id,
        reference,
        counterparty:
          id === undefined || transfer === undefined
            ? transfer?.counterparty
            : otherSide(id, transfer.counterparty),
        metadata,
        details,
      }
    }
    case 'skip':
      return { ...NOTHING, type: 'skip', details: decoded.skip }
    case 'future':
      return { ...NOTHING, details: { schema: decoded.schema } }
    case 'malformed':
      return NOTHING
  }
}

type Outcome = { readonly effect: RowEffect; readonly reason?: string }

const refusedFor = (why: string): Outcome => ({ effect: 'refused', reason: `MALFORMED: ${why}` })

/** Whether a customer would begin to wait with this event. */
const isUnknown = ({ tag }: Decoded, before: Customer | undefined): boolean =>
  tag === 'future' && before?.parked === undefined

const outcomeOf = (next: Step): Outcome => {
  switch (next.tag) {
    case 'applied':
      return { effect: 'applied' }
    case 'dead':
      return next.reason === 'MALFORMED'
        ? refusedFor(next.detail)
        : { effect: 'refused', reason: next.reason }
    case 'parked':
      return { effect: 'waiting' }
    case 'decision':
      return { effect: 'decision' }
    case 'seen':
      throw new Error('events were folded out of order')
  }
}

const rowOf = (
  record: Recorded,
  id: AccountId | undefined,
  decoded: Decoded,
  { effect, reason }: Outcome,
  customer: Customer | undefined,
): EventRow => ({
  seq: record.seq,
  at: record.at.toISOString(),
  asset: undefined,
  client_id: undefined,
  ...(id === undefined ? {} : namesOf(id)),
  ...fieldsIn(decoded, id),
  by: callerIn(record.headers),
  effect,
  reason,
  balance: customer?.account.balance,
  version: customer?.account.version,
})

/** Starts a fold before the first event. */
export const createExportFold = (findSkip: FindSkip): ExportFold => {
  const customers = new Map<AccountId, Customer>()

  const skipsFor = async (id: AccountId, seq: number): Promise<Skips> => {
    const skip = await findSkip(id, seq)
    return skip === undefined ? NO_SKIPS : new Map([[seq, skip]])
  }

  const take = (record: Recorded, id: AccountId, decoded: Decoded, skips: Skips): EventRow => {
    const before = customers.get(id) ?? NEW_CUSTOMER
    const next = step(before, record, decoded, skips)
    const has_changed = next.tag === 'applied' || next.tag === 'parked'
    if (has_changed) customers.set(id, next.customer)
    return rowOf(record, id, decoded, outcomeOf(next), has_changed ? next.customer : before)
  }

  return {
    customers,
    takePage: async page => {
      const rows: EventRow[] = []
      for (const record of page) {
        const id = accountOn(record.subject)
        if (E.isLeft(id)) {
          rows.push(rowOf(record, undefined, decodeBody(record.body), refusedFor(id.left), undefined))
          continue
        }
        const decoded = decodeEvent(record.body, id.right)
        // only an event of an unknown schema needs more than the fold: then a later decision is looked for
        const skips = isUnknown(decoded, customers.get(id.right))
          ? await skipsFor(id.right, record.seq)
          : NO_SKIPS
        rows.push(take(record, id.right, decoded, skips))
      }
      return rows
    },
  }
}
