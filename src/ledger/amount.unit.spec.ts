import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { E } from '../fp.js'
import { Amount, Balance, INT64_MAX, INT64_MIN, toJson } from './amount.js'

describe('amounts', () => {
  it('survive JSON at every size', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: INT64_MIN, max: INT64_MAX }), n => {
        expect(Balance.decode(JSON.parse(JSON.stringify(toJson(n))))).toEqual(E.right(n))
      }),
    )
  })

  it('are a number up to 2^53-1 and a string beyond', () => {
    expect(toJson(9_007_199_254_740_991n)).toBe(9_007_199_254_740_991)
    expect(toJson(9_007_199_254_740_992n)).toBe('9007199254740992')
    expect(toJson(-9_007_199_254_740_992n)).toBe('-9007199254740992')
  })

  it('are accepted in both forms', () => {
    expect(Amount.decode(7)).toEqual(E.right(7n))
    expect(Amount.decode('7')).toEqual(E.right(7n))
    expect(Amount.decode('9223372036854775807')).toEqual(E.right(INT64_MAX))
  })

  it.each([
    0,
    -1,
    0.5,
    Number.NaN,
    2 ** 53,
    '',
    '0',
    '-1',
    '1.0',
    '1e3',
    '9223372036854775808',
    true,
    null,
    {},
  ])('are not %s', value => {
    expect(E.isLeft(Amount.decode(value))).toBe(true)
  })
})
