/**
 * Prints a table: on a terminal with headings and in columns, elsewhere one row a line with two blanks between the cells,
 * as scripts have always read it.
 */

import { print, printable } from '../process/output.js'

const GAP = '  '

/** The cells in columns as wide as their widest cell; the last column is not padded. */
const inColumns = (rows: readonly (readonly string[])[]): readonly string[] => {
  const widths: number[] = []
  for (const row of rows)
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length)
  return rows.map(row =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join(GAP)
      .trimEnd(),
  )
}

/** The lines of the table. `is_terminal`: whether a person reads them. */
export const tableLines = (
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  is_terminal: boolean,
): readonly string[] => {
  const cells = rows.map(row => row.map(printable))
  return is_terminal ? inColumns([headings, ...cells]) : cells.map(row => row.join(GAP).trimEnd())
}

/** Prints the rows, each with one cell for each heading. */
export const printTable = (headings: readonly string[], rows: readonly (readonly string[])[]): void => {
  for (const line of tableLines(headings, rows, process.stdout.isTTY === true)) print(line)
}
