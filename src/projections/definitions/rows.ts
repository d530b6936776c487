/**
 * The journal: one row per event that counts, with the running balance.
 *
 * Queries read it for the outcome of a transaction, for statements, and for the balance at any time. A row's key is
 * the event's transaction id. The key is the event's sequence when the event has no transaction id, or when an
 * earlier event already has the same one (a publisher can use an id twice). Metadata is kept as JSON text, because
 * DynamoDB's numbers are not JSON's.
 */

import { callerIn } from '../../ledger/caller.js'
import { detailsJson } from '../../ledger/event.js'
import { rowId, seqRowId } from '../../tables/journal-ids.js'
import { omittedText, rowRules, rowTexts } from '../../tables/row-texts.js'
import type { Insert } from '../../tables/transact.js'
import type { Applied } from '../projection.js'

/** The row of an event that counts. */
export const rowOf = ({ id, record, event, from, to }: Applied): Insert => {
  const { type, amount, transaction_id, transfer } = event
  const { omitted, ...texts } = rowTexts(event)
  const instead_id = seqRowId(record.seq)
  const by = callerIn(record.headers)
  const details = detailsJson(event)
  const attributes = {
    client_id: id,
    type,
    ...(amount === undefined ? {} : { amount }),
    balance: to.balance,
    version: to.version,
    // from it a reader of the index knows that no row is missing between two rows
    previous_seq: from.seq,
    at: record.at.toISOString(),
    ...(transaction_id === undefined ? {} : { transaction_id }),
    ...(transfer === undefined ? {} : { counterparty: transfer.counterparty }),
    ...texts,
    ...(details === undefined ? {} : { details }),
    ...rowRules(to),
    ...(by === undefined ? {} : { by }),
    ...(omitted.length === 0 ? {} : { omitted: omittedText(omitted) }),
  }
  const row_id = transaction_id === undefined ? instead_id : rowId(transaction_id)
  return { id: row_id, instead_id, seq: record.seq, attributes }
}
