/**
 * Keys of the journal's rows. The table also holds heads (`account:<client_id>`) and rows by sequence (`seq:<n>`), and a
 * transaction id may look like either, so one that begins like a key of ours is marked; no two things share a key.
 */

const RESERVED = /^(?:seq|account|txn):/

/** The key of the row of the event that carries this transaction id. */
export const rowId = (transaction_id: string): string =>
  RESERVED.test(transaction_id) ? `txn:${transaction_id}` : transaction_id

/** The key of an event's row where its transaction id does not give one. */
export const seqRowId = (seq: number): string => `seq:${seq}`
