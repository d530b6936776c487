import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { csvRecord } from '../../csv-write.js'
import { createCsvReader } from './csv.js'
import { createLineReader } from './json-lines.js'
import { RECORD_CHARS_MAX, type RecordReader, type TextRecord } from './records.js'

/** The records of a text that comes in pieces of `size` characters. */
const read = (text: string, size = text.length, reader: RecordReader = createCsvReader()): TextRecord[] => {
  const pieces = Array.from({ length: Math.ceil(text.length / Math.max(size, 1)) }, (_, i) =>
    text.slice(i * size, (i + 1) * size),
  )
  return [...pieces.flatMap(piece => reader.push(piece)), ...reader.end()]
}
const fieldsOf = (records: readonly TextRecord[]): unknown[] =>
  records.map(record => (record.tag === 'fields' ? record.fields : record.why))

const LONG = 'x'.repeat(RECORD_CHARS_MAX + 1)

describe('CSV', () => {
  it.each([
    [
      'a,b\nc,d',
      [
        ['a', 'b'],
        ['c', 'd'],
      ],
    ],
    [
      'a,b\r\nc,d\r\n',
      [
        ['a', 'b'],
        ['c', 'd'],
      ],
    ],
    [
      'a,\n,b\n',
      [
        ['a', ''],
        ['', 'b'],
      ],
    ],
    [
      '"a,1","b ""x"""\n"c\r\nd",e\r\n',
      [
        ['a,1', 'b "x"'],
        ['c\r\nd', 'e'],
      ],
    ],
    ['a,"b"', [['a', 'b']]],
    [
      'a,""\r\n"",b',
      [
        ['a', ''],
        ['', 'b'],
      ],
    ],
    ['\n\r\na\n\n', [['a']]],
    ['', []],
    ['a\rb,c\n', [['a\rb', 'c']]],
  ])('%j is read, wherever it is cut', (text, expected) => {
    for (let size = 1; size <= Math.max(text.length, 1); size += 1)
      expect(fieldsOf(read(text, size)), `pieces of ${size}`).toEqual(expected)
  })

  it('a wrong quotation mark is one bad row, and the next line is a row again', () => {
    for (const bad of ['a"b,1', '"a"b,1', '"a" ,1', '1,2"', '"a""b"c,"d']) {
      for (const size of [1, 2, 100]) {
        const records = read(`x,1\r\n${bad}\r\ny,2\n`, size)
        expect(records).toHaveLength(3)
        expect(records[1]).toMatchObject({ tag: 'broken', text: bad })
        expect(fieldsOf(records)).toMatchObject([['x', '1'], expect.stringContaining('mark'), ['y', '2']])
      }
    }
  })

  it.each([
    ['a,1\n"b,2\nc,3\n', 'never closed'],
    [`a,1\n${LONG}\nc,3\n`, 'longer than'],
    [`a,1\n"${LONG}"\nc,3\n`, 'longer than'],
    [`a,1\n${LONG}`, 'longer than'],
  ])('the rows before a record without an end are read, and nothing after it: %.20s', (text, why) => {
    for (const size of [1_000, text.length]) {
      const reader = createCsvReader()
      expect(fieldsOf(read(text, size, reader))).toEqual([['a', '1']])
      expect(reader.problem()).toContain(why)
      expect(reader.push('d,4\n')).toEqual([])
    }
  })

  it('a record may be as long as the limit', () => {
    expect(read(LONG.slice(1), 1_000)).toHaveLength(1)
  })

  it('what is written is read again as it was', () => {
    const field = fc.string({ unit: fc.constantFrom('a', ',', '"', '\n', '\r', ' ', 'é') })
    const record = fc.array(field, { minLength: 2, maxLength: 4 })
    fc.assert(
      fc.property(fc.array(record, { maxLength: 5 }), fc.integer({ min: 1, max: 9 }), (records, size) => {
        expect(fieldsOf(read(records.map(csvRecord).join(''), size))).toEqual(records)
      }),
    )
  })
})

it('JSON lines are lines, and empty ones are none', () => {
  for (const size of [1, 3, 100])
    expect(fieldsOf(read('{"a":1}\r\n\n  \n{"b":2}', size, createLineReader()))).toEqual([
      ['{"a":1}'],
      ['{"b":2}'],
    ])
})
