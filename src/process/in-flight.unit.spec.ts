import type { Logger } from 'pino'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { logInFlight } from './in-flight.js'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

it('logs once a minute the most requests that were at work, and ends', () => {
  const lines: unknown[] = []
  let now = 0
  const log = { info: (line: unknown) => lines.push(line) } as unknown as Logger
  const stop = logInFlight({ inFlight: () => now }, log)
  vi.advanceTimersByTime(10_000)
  now = 7
  vi.advanceTimersByTime(1_000)
  now = 2
  vi.advanceTimersByTime(49_000)
  expect(lines).toEqual([{ metric: 'in_flight', in_flight: 7 }])
  vi.advanceTimersByTime(60_000)
  expect(lines).toHaveLength(2)
  expect(lines[1]).toEqual({ metric: 'in_flight', in_flight: 2 })
  stop()
  vi.advanceTimersByTime(120_000)
  expect(lines).toHaveLength(2)
})
