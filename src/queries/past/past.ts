/**
 * The common parts of reading a customer's past: folds of the subject within a bound, and neighbours in the journal.
 */

import { E, type Either } from '../../fp.js'
import type { AccountId } from '../../ledger/account-id.js'
import { callerIn } from '../../ledger/caller.js'
import { detailsOf, type LedgerEvent } from '../../ledger/event.js'
import { type Customer, NEW_CUSTOMER } from '../../ledger/fold.js'
import { createSlots } from '../../parallel.js'
import { catalogued } from '../../service/catalogue.js'
import type { ServiceError } from '../../service/error.js'
import type { StreamError } from '../../stream/errors.js'
import {
  type Folded,
  type FoldedTo,
  foldSubject,
  type SubjectFoldOptions,
} from '../../stream/fold-subject.js'
import type { Recorded } from '../../stream/recorded.js'
import { readRows } from '../../tables/journal-pages.js'
import type { LinkedRow } from '../../tables/journal-row.js'
import { omittedText, rowRules, rowTexts } from '../../tables/row-texts.js'
import type { QueryDeps } from '../deps.js'
import { ANOTHER_STREAM, type SameStream } from '../same-stream.js'

/** The largest number of folds at once. */
const FOLDS_MAX = 16
/** The longest part of a subject, in events, that is folded for one answer. */
const EVENTS_MAX = 10_000

/** A customer before its first event. */
export const BEGINNING: Folded = { customer: NEW_CUSTOMER, last_seq: 0 }

export type FoldPast = (
  id: AccountId,
  from: Folded,
  to_seq: number,
  onApplied?: SubjectFoldOptions['onApplied'],
) => Promise<Either<StreamError, FoldedTo>>

/** Gives a function that folds a subject on from a state; at most `FOLDS_MAX` folds run at once. */
export const createFoldPast = (deps: QueryDeps, stream: SameStream): FoldPast => {
  const limit = createSlots(FOLDS_MAX)
  return (id, from, to_seq, onApplied) => {
    const options = { to_seq, events_max: EVENTS_MAX, ...(onApplied === undefined ? {} : { onApplied }) }
    return limit(async () => {
      const folded = await foldSubject(deps, id, from, options)()
      if (E.isLeft(folded) || (await stream.check())) return folded
      return E.left({ tag: 'TryAgain', message: ANOTHER_STREAM })
    })
  }
}

/** 503 `UNAVAILABLE`, for history that may be readable a moment later. */
export const unreadable = (cause: unknown): Either<ServiceError, never> =>
  E.left(catalogued('UNAVAILABLE', { message: 'the history cannot be read at the moment; try again' }, cause))

/** The row that the journal has, or will have, for an event. */
export const rowOf = (
  id: AccountId,
  { seq, at, headers }: Recorded,
  event: LedgerEvent,
  { account }: Customer,
  previous_seq: number,
): LinkedRow => {
  const { type, amount, transaction_id, transfer } = event
  const declined = event.type === 'declined' ? event.declined : undefined
  const details = detailsOf(event)
  const { reference, metadata, omitted } = rowTexts(event)
  const by = callerIn(headers)
  return {
    client_id: id,
    seq,
    type,
    ...(amount === undefined ? {} : { amount }),
    balance: account.balance,
    version: account.version,
    previous_seq,
    at: at.toISOString(),
    ...(transaction_id === undefined ? {} : { transaction_id }),
    ...(reference === undefined ? {} : { reference }),
    ...(metadata === undefined ? {} : { metadata: event.metadata }),
    ...(transfer === undefined ? {} : { counterparty: transfer.counterparty }),
    ...(declined === undefined ? {} : { declined }),
    ...(details === undefined ? {} : { details }),
    ...rowRules(account),
    ...(by === undefined ? {} : { by }),
    ...(omitted.length === 0 ? {} : { omitted: omittedText(omitted) }),
  }
}

/** The first row of a customer after `seq`; undefined when there is none, or it cannot be read. */
export const nextRow = async (
  { tables }: QueryDeps,
  table: string,
  id: AccountId,
  seq: number,
): Promise<LinkedRow | undefined> => {
  const range = { from_seq: seq + 1, to_seq: Number.MAX_SAFE_INTEGER, newest_first: false, rows_max: 1 }
  const rows = await readRows(tables, table, id, range)()
  return E.isRight(rows) ? rows.right[0] : undefined
}
