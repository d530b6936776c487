import { getEventListeners } from 'node:events'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { delay_ms, pause, rest } from './back-off.js'

const SHORT = { first_ms: 1, max_ms: 1 }

let warnings: Error[] = []
const onWarning = (warning: Error): void => {
  warnings.push(warning)
}
beforeEach(() => {
  warnings = []
  process.on('warning', onWarning)
})
afterEach(() => {
  process.off('warning', onWarning)
})

/** Node emits a warning one turn of the event loop later. */
const told = async (): Promise<string[]> => {
  await new Promise(resolve => setImmediate(resolve))
  return warnings.map(({ message }) => message)
}

it('waits between half and all of a step that doubles up to its bound', () => {
  for (const [attempt, step_ms] of [
    [1, 10],
    [2, 20],
    [3, 40],
    [9, 100],
    [5_000, 100],
  ] as const) {
    const waited_ms = delay_ms({ first_ms: 10, max_ms: 100 }, attempt)
    expect(waited_ms).toBeGreaterThanOrEqual(step_ms / 2)
    expect(waited_ms).toBeLessThanOrEqual(step_ms)
  }
})

it('lets thousands wait with one signal at once, and Node has nothing to warn of', async () => {
  const { signal } = new AbortController()
  await Promise.all(Array.from({ length: 3_000 }, () => pause(SHORT, 1, signal)))
  expect(getEventListeners(signal, 'abort')).toEqual([])
  expect(await told()).toEqual([])
})

it('ends every wait at once when the signal aborts, and waits no more afterwards', async () => {
  const ending = new AbortController()
  const both = AbortSignal.any([ending.signal, new AbortController().signal])
  const waiting = Promise.all(Array.from({ length: 20 }, () => rest(60_000, both)))
  ending.abort()
  await waiting
  await rest(60_000, both)
  expect(getEventListeners(both, 'abort')).toEqual([])
  expect(await told()).toEqual([])
})
