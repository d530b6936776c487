/**
 * Reads JSON lines: one JSON document per line. A record has its line as its only field.
 */

import { createRecordReader, lineAt, type RecordReader } from './records.js'

export const createLineReader = (): RecordReader =>
  createRecordReader((text, at, is_last) => {
    const found = lineAt(text, at, is_last)
    if (found === undefined) return undefined
    const { line, end } = found
    return line.trim() === '' ? { end } : { end, record: { tag: 'fields', fields: [line] } }
  })
