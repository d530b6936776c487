import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { printable, printableText } from './output.js'

/** Characters that a terminal could obey, and the ends of lines. */
const OBEYED = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/u

describe('a text of others', () => {
  it.each([
    ['plain, Größe, 東京 🙂, “quoted” \\ "x"', 'plain, Größe, 東京 🙂, “quoted” \\ "x"'],
    ['a\u001b]0;pwned\u0007', 'a\\u001b]0;pwned\\u0007'],
    ['one\r\ntwo\tthree', 'one\\u000d\\u000atwo\\u0009three'],
    ['\u009b31m \u007f', '\\u009b31m \\u007f'],
    ['\u202eevil\u2066', '\\u202eevil\\u2066'],
    ['\ufeff\u2028\u2029\u200f', '\\ufeff\\u2028\\u2029\\u200f'],
    ['\ud83d alone', '\\ud83d alone'],
    ['\u{e0041}', '\\udb40\\udc41'],
  ])('is printed harmlessly: %j', (text, printed) => {
    expect(printable(text)).toBe(printed)
  })

  it('keeps its lines and tabs where it has lines of its own', () => {
    expect(printableText('a\n\tb\r\u001b[2J')).toBe('a\n\tb\\u000d\\u001b[2J')
  })

  it('holds nothing that a terminal obeys, whatever it was', () => {
    const text = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }))
    fc.assert(
      fc.property(text, any => {
        expect(printable(any)).not.toMatch(OBEYED)
        expect(printableText(any).replace(/[\n\t]/g, '')).not.toMatch(OBEYED)
        expect(printable(printable(any))).toBe(printable(any))
      }),
      { numRuns: 2_000 },
    )
  })

  it('is the same value in JSON, printed or not', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), value => {
        expect(JSON.parse(printableText(JSON.stringify(value, undefined, 2)))).toEqual(
          JSON.parse(JSON.stringify(value)),
        )
      }),
    )
  })
})
