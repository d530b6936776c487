/**
 * Reads CSV as RFC 4180 has it: commas, quotation marks around fields that need them, LF or CRLF.
 *
 * It is written here and not taken from a library, because it has to go on at the right place: a record with a wrong
 * quotation mark is one bad row, and the next line is read as usual. Where a quotation mark is never closed, the rest of the text
 * could be rows or one long field, and rows are money: then reading ends.
 */

import { createRecordReader, type FoundRecord, lineAt, type RecordReader } from './records.js'

const QUOTE = '"'

type Field = { readonly value: string; readonly end: number }

/** The quoted field at `at`, and the place after it; undefined while its end is not there. */
const quotedAt = (text: string, at: number, is_last: boolean): Field | undefined => {
  let value = ''
  let from = at + 1
  for (;;) {
    const mark = text.indexOf(QUOTE, from)
    // a mark at the very end may be the first one of two
    if (mark === -1 || (mark + 1 === text.length && !is_last)) return undefined
    if (text[mark + 1] !== QUOTE) return { value: value + text.slice(from, mark), end: mark + 1 }
    value += text.slice(from, mark + 1)
    from = mark + 2
  }
}

/** An unquoted field; a carriage return belongs to it unless it belongs to a line end. */
const PLAIN = /(?:[^",\r\n]|\r(?!\n|$))*/y

const plainAt = (text: string, at: number): Field => {
  PLAIN.lastIndex = at
  const [value = ''] = PLAIN.exec(text) ?? []
  return { value, end: at + value.length }
}

/** What stands after a field: a comma, or the end of the record; undefined while that is not there. */
const separatorAt = (
  text: string,
  at: number,
  is_last: boolean,
): { readonly tag: 'comma' | 'end' | 'wrong'; readonly end: number } | undefined => {
  if (text[at] === ',') return { tag: 'comma', end: at + 1 }
  if (text[at] === '\n') return { tag: 'end', end: at + 1 }
  if (text.startsWith('\r\n', at)) return { tag: 'end', end: at + 2 }
  const is_rest = at === text.length || (text[at] === '\r' && at + 1 === text.length)
  if (!is_rest) return { tag: 'wrong', end: at }
  return is_last ? { tag: 'end', end: text.length } : undefined
}

/** The line from `begin` to the line end after `from`: it is no record, and the next one begins after it. */
const brokenRecord = (
  text: string,
  begin: number,
  from: number,
  is_last: boolean,
): FoundRecord | undefined => {
  const rest = lineAt(text, from, is_last)
  if (rest === undefined) return undefined
  const why = 'a quotation mark stands in a field that does not begin with one, or text follows a closing one'
  return { end: rest.end, record: { tag: 'broken', text: text.slice(begin, rest.end).trimEnd(), why } }
}

/** Finds a record that has quotation marks, field by field. */
const quotedRecord = (text: string, begin: number, is_last: boolean): FoundRecord | undefined => {
  const fields: string[] = []
  for (let at = begin; ; ) {
    const field = text[at] === QUOTE ? quotedAt(text, at, is_last) : plainAt(text, at)
    const after = field && separatorAt(text, field.end, is_last)
    if (field === undefined || after === undefined) return undefined
    fields.push(field.value)
    if (after.tag === 'wrong') return brokenRecord(text, begin, after.end, is_last)
    if (after.tag === 'end') return { end: after.end, record: { tag: 'fields', fields } }
    at = after.end
  }
}

/** Makes a reader of CSV. It is fast for lines without quotation marks, which most files have only. */
export const createCsvReader = (): RecordReader => {
  // where the next quotation mark stands in the text of `known`: looked for once, not for each line
  let known = ''
  let mark = -1
  const markFrom = (text: string, at: number): number => {
    if (text !== known || mark < at) {
      known = text
      const found = text.indexOf(QUOTE, at)
      mark = found === -1 ? text.length : found
    }
    return mark
  }
  return createRecordReader((text, at, is_last) => {
    const found = lineAt(text, at, is_last)
    if (markFrom(text, at) < (found?.end ?? text.length)) return quotedRecord(text, at, is_last)
    if (found === undefined) return undefined
    const { line, end } = found
    return line === '' ? { end } : { end, record: { tag: 'fields', fields: line.split(',') } }
  })
}
