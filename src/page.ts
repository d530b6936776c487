/**
 * The limits of pages in lists. The queries enforce them and the gateway's schemas show them.
 */

/** The largest number of entries on a page. */
export const PAGE_ENTRIES_MAX = 1_000

/** The longest cursor that is accepted; those that this program makes are far shorter. */
export const CURSOR_CHARS_MAX = 512

/** The text for a caller whose cursor was not made by this program, or belongs to another request. */
export const CURSOR_RULE = 'must be the cursor of the page before, unchanged, with the fields of that request'
