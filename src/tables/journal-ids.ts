/**
 * The keys of the journal's rows. They begin with a character that no account id begins with, so a row has the key of
 * nothing else, whatever a transaction id looks like.
 */

/** The key of the row of the event that carries this transaction id. */
export const rowId = (transaction_id: string): string => `#${transaction_id}`

/** The key of an event's row when it has no transaction id, or when another event's row already has the key of that id. */
export const seqRowId = (seq: number): string => `@${seq}`

/** Whether the item with this key is a row. */
export const isRowId = (id: string): boolean => id.startsWith('#') || id.startsWith('@')
