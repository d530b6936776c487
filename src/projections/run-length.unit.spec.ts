import { describe, expect, it } from 'vitest'
import { nextRunLength, RUN_EVENTS_MIN, RUN_MS_MAX } from './run-length.js'

const EVENTS_MAX = 2_000

/** The lengths of the runs of a backlog without end, when each event takes so long. */
const lengths = (ms_per_event: number, runs: number, first = EVENTS_MAX): number[] => {
  const found = [first]
  for (let i = 1; i < runs; i += 1) {
    const events = found.at(-1) ?? 0
    found.push(nextRunLength(events, { events, took_ms: events * ms_per_event }, EVENTS_MAX))
  }
  return found
}

describe('the length of a run', () => {
  it('is the longest while runs end in time', () => {
    expect(lengths(0.5, 5)).toEqual(Array(5).fill(EVENTS_MAX))
  })

  it('comes to what takes the time that a run may take, within one run', () => {
    for (const ms_per_event of [1, 5, 20]) {
      const [, second = 0, third = 0] = lengths(ms_per_event, 3)
      expect(second * ms_per_event).toBeLessThanOrEqual(RUN_MS_MAX)
      expect(second * ms_per_event).toBeGreaterThan(RUN_MS_MAX / 2)
      expect(third).toBe(second)
    }
  })

  it('is never less than the least, however slow the table is', () => {
    expect(lengths(10_000, 3)).toEqual([EVENTS_MAX, RUN_EVENTS_MIN, RUN_EVENTS_MIN])
  })

  it('doubles once the table is fast again, up to the longest', () => {
    expect(lengths(0.1, 8, RUN_EVENTS_MIN)).toEqual([50, 100, 200, 400, 800, 1_600, EVENTS_MAX, EVENTS_MAX])
  })

  it('does not grow by runs that were short because nothing more was there', () => {
    expect(nextRunLength(200, { events: 199, took_ms: 1 }, EVENTS_MAX)).toBe(200)
  })
})
