import { describe, expect, it } from 'vitest'
import { delay_ms } from './back-off.js'
import { createHealth } from './health.js'

describe('health', () => {
  it('is the worst of its parts, and says each one’s detail', () => {
    const health = createHealth(() => undefined)
    expect(health.read()).toEqual({ state: 'ok', parts: {} })
    health.report('a', 'ok')
    health.report('b', 'degraded', 'somebody should look')
    expect(health.read().state).toBe('degraded')
    health.report('c', 'down', 'away')
    expect(health.read()).toMatchObject({ state: 'down', parts: { b: { detail: 'somebody should look' } } })
    health.report('c', 'ok')
    expect(health.read().state).toBe('degraded')
  })

  it('tells each change once, and not that a part begins', () => {
    const told: string[] = []
    const health = createHealth((part, { state }) => told.push(`${part} ${state}`))
    for (const state of ['ok', 'ok', 'down', 'down', 'ok'] as const) health.report('a', state)
    expect(told).toEqual(['a down', 'a ok'])
  })
})

describe('a part that is given up', () => {
  it('is down, and the first one says why the process has to end', async () => {
    const health = createHealth(() => undefined)
    health.report('nats', 'ok')
    health.giveUp('nats', 'closed for good')
    health.giveUp('other', 'too')
    expect(await health.gaveUp).toBe('closed for good')
    expect(health.read()).toMatchObject({ state: 'down', parts: { nats: { detail: 'closed for good' } } })
  })
})

describe('backing off', () => {
  it('waits between half and all of a step that doubles up to its limit', () => {
    for (const [attempt, step_ms] of [
      [1, 100],
      [2, 200],
      [3, 400],
      [4, 500],
      [1_000, 500],
    ] as const) {
      const waited_ms = delay_ms({ first_ms: 100, max_ms: 500 }, attempt)
      expect(waited_ms).toBeGreaterThanOrEqual(step_ms / 2)
      expect(waited_ms).toBeLessThanOrEqual(step_ms)
    }
  })
})
