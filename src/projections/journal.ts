/**
 * The journal: one row per event that counts, with the running balance.
 *
 * It answers what became of a transaction, statements, and the balance at any time. A row's key is the event's
 * transaction id; one that has none, or whose id an earlier event holds already (anybody may publish one twice), has
 * its sequence for a key. Metadata is kept as JSON text: numbers of DynamoDB are not those of JSON.
 */

import { rowId, seqRowId } from '../tables/journal-ids.js'
import type { Applied, Projection, Rows } from './projection.js'

const jsonText = (value: unknown): string =>
  JSON.stringify(value, (_, inner) => (typeof inner === 'bigint' ? String(inner) : inner))

/** JSON can hold half of a surrogate pair, which DynamoDB refuses: one such event would stop the journal for ever. */
const asUtf8 = (text: string): string => Buffer.from(text, 'utf8').toString('utf8')

const fold = ({ id, record, event, from, to }: Applied): Rows => {
  const { type, amount, transaction_id, reference, metadata, transfer, declined } = event
  const instead_id = seqRowId(record.seq)
  const attributes = {
    client_id: id,
    type,
    amount,
    balance: to.balance,
    version: to.version,
    // by it a reader of the index knows that no row is missing between two
    previous_seq: from.seq,
    at: record.at.toISOString(),
    ...(transaction_id === undefined ? {} : { transaction_id }),
    ...(reference === undefined ? {} : { reference: asUtf8(reference) }),
    ...(metadata === undefined ? {} : { metadata: jsonText(metadata) }),
    ...(transfer === undefined ? {} : { counterparty: transfer.counterparty }),
    ...(declined === undefined ? {} : { declined: jsonText(declined) }),
  }
  const row_id = transaction_id === undefined ? instead_id : rowId(transaction_id)
  return { inserts: [{ id: row_id, instead_id, seq: record.seq, attributes }] }
}

export const journal: Projection = {
  name: 'journal',
  head: { prefix: 'account:', balance: 'balance' },
  fold,
  keeps_letters: false,
}
