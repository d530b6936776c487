/**
 * A whole statement, and the PDF of it. It is plain data, so that it can go to another thread.
 */

import { pdfOf, type StatementHead } from './pdf.js'
import type { StatementRow } from './words.js'

export type Paper = {
  readonly head: StatementHead
  /** The balances before the first entry and after the last one. */
  readonly opening: bigint
  readonly closing: bigint
  /** Oldest first. */
  readonly rows: readonly StatementRow[]
}

/** Makes the PDF. It takes some tenths of a millisecond for each entry, in one go. */
export const bytesOfPaper = async ({ head, opening, closing, rows }: Paper): Promise<Uint8Array> => {
  const pdf = await pdfOf(head)
  const begun = pdf.add(rows, opening)
  return Buffer.concat([begun, await pdf.end(opening, closing)])
}
