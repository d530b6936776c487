/** CSV that a spreadsheet shows as it is: no text of a stranger becomes a formula or another cell. */

import { describe, expect, it } from 'vitest'
import { type CsvColumn, csvHeader, csvLine } from './csv-write.js'

const COLUMNS: readonly CsvColumn[] = [
  { name: 'amount', kind: 'number' },
  { name: 'reference', kind: 'text' },
]

const textCell = (text: string): string => csvLine(COLUMNS, [1, text]).slice('1,'.length, -'\r\n'.length)

describe('writing CSV', () => {
  it('separates cells with commas, ends lines with CR LF, and leaves an absent value empty', () => {
    expect(csvHeader(COLUMNS)).toBe('amount,reference\r\n')
    expect(csvLine(COLUMNS, [7n, undefined])).toBe('7,\r\n')
  })

  it.each([
    ['order 5512', 'order 5512'],
    ['a,b', '"a,b"'],
    ['say "hi"', '"say ""hi"""'],
    ['two\r\nlines', '"two\r\nlines"'],
    ['a;=1+1', '"a;=1+1"'],
    [' padded ', '" padded "'],
  ])('quotes the text %j where it has to', (text, written) => {
    expect(textCell(text)).toBe(written)
  })

  it.each(['=1+1', '+49 30', '-5', '@SUM(A1)', "'tis", '\uff1dcmd'])('makes no formula of %j', text => {
    expect(textCell(text)).toBe(`'${text}`)
  })

  it.each(['\t=1', '\r=1', '\n=1'])('makes no formula of %j, which has to be quoted, too', text => {
    expect(textCell(text)).toBe(`"'${text}"`)
  })

  it('keeps numbers as they are, also negative ones and those beyond 2^53', () => {
    expect(csvLine(COLUMNS, [-9_223_372_036_854_775_808n, 'x'])).toBe('-9223372036854775808,x\r\n')
  })
})
