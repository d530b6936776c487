import { expect, it } from 'vitest'
import { FAULTS } from './faults/index.js'
import { planSchedule } from './schedule.js'

const HOUR_MS = 3_600_000

it('is the same for the same seed, and another for another one', () => {
  const of = (seed: number) => planSchedule(seed, HOUR_MS, FAULTS)
  expect(of(7)).toEqual(of(7))
  expect(of(8)).not.toEqual(of(7))
})

it('lets every fault happen once before one happens twice, each within its bounds', () => {
  const slots = planSchedule(1, HOUR_MS, FAULTS)
  expect(slots.length).toBeGreaterThan(2 * FAULTS.length)
  for (const from of [0, FAULTS.length]) {
    const round = slots.slice(from, from + FAULTS.length).map(({ fault }) => fault)
    expect(round.toSorted()).toEqual(FAULTS.map(({ name }) => name).toSorted())
  }
  for (const { fault, for_ms } of slots) {
    const [min, max] = FAULTS.find(({ name }) => name === fault)?.for_ms ?? [0, 0]
    expect(for_ms >= min && for_ms <= max).toBe(true)
  }
})

it('has one fault at a time, with a rest behind each, and ends in time', () => {
  const slots = planSchedule(2, HOUR_MS, FAULTS)
  for (const [i, { begin_ms, for_ms }] of slots.entries())
    expect((slots[i + 1]?.begin_ms ?? HOUR_MS) - (begin_ms + for_ms)).toBeGreaterThanOrEqual(8_000)
  expect(slots.at(-1)?.begin_ms).toBeGreaterThan(0.9 * HOUR_MS)
})

it('has one fault at least, however short the time, and none where there is none to choose', () => {
  expect(planSchedule(3, 1, FAULTS)).toHaveLength(1)
  expect(planSchedule(3, HOUR_MS, [])).toEqual([])
})
