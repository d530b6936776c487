/**
 * The keys of the journal's rows. The table also holds heads (`account:<client_id>`) and rows by sequence (`seq:<n>`). A
 * transaction id may look like one of those keys, so an id that begins like one gets the prefix `txn:`, and no two items
 * share a key.
 */

const RESERVED = /^(?:seq|account|txn):/

/** The key of the row of the event that carries this transaction id. */
export const rowId = (transaction_id: string): string =>
  RESERVED.test(transaction_id) ? `txn:${transaction_id}` : transaction_id

/** The key of an event's row when it has no transaction id, or when another event's row already has the key of that id. */
export const seqRowId = (seq: number): string => `seq:${seq}`
