import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatDay, formatInstant, parseDay, parseInstant } from './instant.js'

describe('a point in time', () => {
  it('is the same after it was written and read, to the nanosecond', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }), ns => {
        expect(parseInstant(formatInstant(ns))).toBe(ns)
      }),
    )
  })

  it('is what Date makes of it, to the millisecond and with an offset', () => {
    for (const text of ['2026-11-21T10:00:00Z', '2026-11-21t10:00:00.123z', '2026-11-21T10:00:00.5+02:30']) {
      expect(parseInstant(text)).toBe(BigInt(new Date(text.toUpperCase()).getTime()) * 1_000_000n)
    }
    expect(parseInstant('2026-11-21T10:00:00.000000001-01:00')).toBe(
      (parseInstant('2026-11-21T11:00:00Z') ?? 0n) + 1n,
    )
  })

  it.each([
    '',
    'now',
    '2026-11-21',
    '2026-11-21T10:00:00',
    '2026-02-30T10:00:00Z',
    '2026-13-01T10:00:00Z',
    '2026-11-21T24:00:00Z',
    '2026-11-21T10:60:00Z',
    '2026-11-21T10:00:00+24:00',
    '2026-11-21T10:00:00.1234567890Z',
    '2026-11-21T10:00:00,5Z',
    '2026-11-21 10:00:00Z',
    '2026-11-21T10:00:00 02:00',
    '2026-12-31T23:59:60Z',
    '1969-12-31T23:59:59Z',
    '1970-01-01T00:00:00+00:01',
    '0000-01-01T00:00:00Z',
    '2262-04-11T23:47:16.854775808Z',
    '2262-04-11T23:47:16-00:01',
    '2263-01-01T00:00:00Z',
    '9999-12-31T23:59:59Z',
    '+012026-11-21T10:00:00Z',
    ' 2026-11-21T10:00:00Z',
    '2026-11-21T10:00:00Z\n',
  ])('is not %j', text => {
    expect(parseInstant(text)).toBeUndefined()
  })

  it.each([
    ['1970-01-01T00:00:00Z', 0n],
    ['1970-01-01T00:00:00-00:00', 0n],
    ['2262-04-11T23:47:16.854775807Z', 2n ** 63n - 1n],
    ['2262-04-12T23:46:16+23:59', 9_223_372_036_000_000_000n],
  ])('is %j at the bounds', (text, ns) => {
    expect(parseInstant(text)).toBe(ns)
  })
})

describe('a day', () => {
  it('is the same after it was written and read', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 106_751 }), days => {
        const text = formatDay(days * 86_400_000)
        expect([text, parseDay(text)]).toEqual([text, days * 86_400_000])
      }),
    )
  })

  it.each([
    '',
    'today',
    '2026-02-30',
    '2026-13-01',
    '2026-11-21T00:00:00Z',
    '26-11-21',
    '1969-12-31',
    '0000-01-01',
    '2262-04-12',
    '9999-12-31',
    '2026-11-21\n',
    '+002026-11-21',
  ])('is not %j', text => {
    expect(parseDay(text)).toBeUndefined()
  })
})
