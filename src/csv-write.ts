/**
 * Writes CSV (RFC 4180) for spreadsheets and programs: lines end with CR LF, a cell is quoted where it has to be.
 *
 * A spreadsheet takes a cell that begins with `=`, `+`, `-`, `@` or a tab as a formula, and a text in a ledger comes from
 * anybody who may write an event. So a text that begins with one of these characters gets an apostrophe before it. A text
 * that begins with an apostrophe gets one too: whoever reads a text column takes one leading apostrophe away and has the
 * text as it was. Numbers are written as they are, also negative ones.
 */

/** `text` may come from anybody; `number` is written by this program: a number, a time, or a word of its own. */
export type CsvKind = 'text' | 'number'

export type CsvColumn = { readonly name: string; readonly kind: CsvKind }

/** An absent value is an empty cell. */
export type CsvValue = string | number | bigint | undefined

const LINE_END = '\r\n'
/** The wide forms of the signs count as well: some spreadsheets take them for the narrow ones. */
const FORMULA = /^[=+\-@\t\r\n'\uff1d\uff0b\uff0d\uff20]/
/** The semicolon and the tab separate cells where a spreadsheet is set to them. */
const QUOTED = /[",;\t\r\n]|^\s|\s$/

const quoted = (text: string): string => (QUOTED.test(text) ? `"${text.replaceAll('"', '""')}"` : text)

const cell = (kind: CsvKind, value: CsvValue): string => {
  if (value === undefined) return ''
  const text = String(value)
  return kind === 'number' ? text : quoted(FORMULA.test(text) ? `'${text}` : text)
}

/** One line of fields as they are, for a program that reads them again: a formula stays one. */
export const csvRecord = (fields: readonly string[]): string => fields.map(quoted).join(',') + LINE_END

/** The first line, with the names of the columns. */
export const csvHeader = (columns: readonly CsvColumn[]): string => csvRecord(columns.map(({ name }) => name))

/** One line, with a value for each column, in order. */
export const csvLine = (columns: readonly CsvColumn[], values: readonly CsvValue[]): string =>
  columns.map(({ kind }, i) => cell(kind, values[i])).join(',') + LINE_END
