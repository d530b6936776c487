/**
 * The bounds of pages: the queries keep to them and the gateway's schemas show them.
 */

/** How many entries a page has at the most. */
export const PAGE_ENTRIES_MAX = 1_000

/** How long a cursor may be; ours are far shorter. */
export const CURSOR_CHARS_MAX = 512

/** What a caller reads whose cursor is none of ours, or belongs to another question. */
export const CURSOR_RULE = 'must be the cursor of the page before, unchanged, with the fields of that request'
