import { describe, expect, it } from 'vitest'
import { createRateLimit } from './rate-limit.js'

describe('the rate limit', () => {
  it('lets two seconds of requests through at once, then as many as it says', () => {
    const { take } = createRateLimit(10)
    expect(Array.from({ length: 20 }, () => take('a', 0))).toEqual(Array(20).fill(0))
    expect(take('a', 0)).toBe(100)
    expect(take('a', 50)).toBe(50)
    expect(take('a', 100)).toBe(0)
    expect(take('a', 100)).toBe(100)
  })

  it('counts each caller by itself', () => {
    const { take } = createRateLimit(1)
    for (let i = 0; i < 3; i += 1) take('a', 0)
    expect(take('a', 0)).toBeGreaterThan(0)
    expect(take('b', 0)).toBe(0)
  })

  it('saves up no more than two seconds', () => {
    const { take } = createRateLimit(1)
    take('a', 0)
    expect([1, 2, 3].map(() => take('a', 1e9)).filter(wait => wait === 0)).toHaveLength(2)
  })

  it('forgets who was idle longest, so that many addresses cannot fill the memory', () => {
    const { take } = createRateLimit(1)
    for (let i = 0; i < 2; i += 1) take('busy', 0)
    for (let i = 0; i < 10_000; i += 1) take(`other ${i}`, 0)
    expect(take('busy', 0)).toBe(0)
  })
})
