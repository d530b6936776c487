/** The checker reads JSON like `JSON.parse`, except that whole numbers keep every digit. */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readJson, readObject, wholeOf } from './json.js'

/** The result of `JSON.parse`, with whole numbers as bigints, as the checker has them. */
const withBigints = (value: unknown): unknown => {
  if (typeof value === 'number') return /^-?\d+$/.test(String(value)) ? BigInt(String(value)) : value
  if (Array.isArray(value)) return value.map(withBigints)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, withBigints(one)]))
}

describe('readJson', () => {
  it('reads what JSON.stringify writes, in both its forms', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), fc.constantFrom(0, 2), (value, indent) => {
        const text = JSON.stringify(value, null, indent)
        expect(readJson(text)).toEqual(withBigints(JSON.parse(text)))
      }),
      { numRuns: 500 },
    )
  })

  it('accepts a text exactly when JSON.parse accepts it', () => {
    const pieces = fc.array(
      fc.constantFrom('{', '}', '[', ']', ',', ':', '"', 'a', '\\', '1', '-', '.', 'e', ' ', 'null'),
    )
    const parses = (text: string): boolean => {
      try {
        JSON.parse(text)
        return true
      } catch {
        return false
      }
    }
    fc.assert(
      fc.property(
        pieces.map(list => list.join('')),
        text => {
          expect(readJson(text) !== undefined).toBe(parses(text))
        },
      ),
      { numRuns: 2_000 },
    )
  })

  it('keeps every digit of a whole number', () => {
    expect(readJson('[9223372036854775807,-9007199254740993]')).toEqual([
      9_223_372_036_854_775_807n,
      -9_007_199_254_740_993n,
    ])
  })

  it('reads a number with a point or an exponent as JavaScript does', () => {
    expect(readJson('[1.0,1e2,0.5]')).toEqual([1n, 100n, 0.5])
  })

  it('keeps a field with any name as a field of the object itself', () => {
    expect(Object.keys(readObject('{"__proto__":1}'))).toEqual(['__proto__'])
  })
})

describe('wholeOf', () => {
  it.each([
    [7n, 7n],
    ['9223372036854775807', 9_223_372_036_854_775_807n],
    ['9223372036854775808', undefined],
    [9_007_199_254_740_993n, undefined],
    ['1.5', undefined],
    ['01', undefined],
    [0.5, undefined],
    [true, undefined],
  ])('of %s is %s', (value, whole) => {
    expect(wholeOf(value)).toBe(whole)
  })
})
