import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatInstant, parseInstant } from './instant.js'

describe('a point in time', () => {
  it('is the same after it was written and read, to the nanosecond', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 4_102_444_800_000_000_000n }), ns => {
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
    '1969-12-31T23:59:59Z',
  ])('is not %j', text => {
    expect(parseInstant(text)).toBeUndefined()
  })
})
