import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createHistogram } from './histogram.js'

const PERCENTS = [0, 1, 50, 95, 99, 99.9, 100]

const filled = (values: readonly number[]) => {
  const histogram = createHistogram()
  values.forEach(histogram.record)
  return histogram
}

/** The exact percentile: the nearest rank in the sorted values. */
const exact = (values: readonly number[], percent: number): number =>
  values.toSorted((a, b) => a - b)[Math.max(1, Math.ceil((percent / 100) * values.length)) - 1] ?? Number.NaN

const latencies = fc.array(fc.oneof(fc.nat(200), fc.nat(100_000), fc.nat(2 ** 31 - 1)), {
  minLength: 1,
  maxLength: 300,
})

it('has no percentile before the first value', () => {
  expect(createHistogram().percentile_us(50)).toBeUndefined()
})

it('is exact up to 127 us', () => {
  const values = Array.from({ length: 128 }, (_, i) => i)
  for (const percent of PERCENTS) expect(filled(values).percentile_us(percent)).toBe(exact(values, percent))
})

it('never says less than the truth, and at most 1.6 % more', () => {
  fc.assert(
    fc.property(latencies, fc.constantFrom(...PERCENTS), (values, percent) => {
      const truth = exact(values, percent)
      const said = filled(values).percentile_us(percent)
      expect(said).toBeGreaterThanOrEqual(truth)
      expect(said).toBeLessThanOrEqual(truth * (1 + 1 / 64))
    }),
  )
})

it('knows the greatest value exactly', () => {
  const histogram = filled([5, 1_234_567, 3])
  expect([histogram.max_us(), histogram.percentile_us(100)]).toEqual([1_234_567, 1_234_567])
})

it('merged from several processes is the histogram of all their values', () => {
  fc.assert(
    fc.property(latencies, latencies, (some, others) => {
      const merged = filled(some)
      merged.merge(JSON.parse(JSON.stringify(filled(others).data())))
      expect(merged.data()).toEqual(filled([...some, ...others]).data())
      expect(merged.count()).toBe(some.length + others.length)
    }),
  )
})

it('holds a value beyond its range, or below zero, at the end of the range', () => {
  expect(filled([1e12]).max_us()).toBe(2 ** 31 - 1)
  expect(filled([-1]).percentile_us(50)).toBe(0)
})
