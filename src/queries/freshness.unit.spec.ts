import { describe, expect, it } from 'vitest'
import { createFreshness } from './freshness.js'

const BEHIND_MS_MAX = 500

const world = () => {
  let now_ms = 1_000
  const freshness = createFreshness(BEHIND_MS_MAX, () => now_ms)
  return {
    ...freshness,
    pass: (ms: number) => {
      now_ms += ms
    },
    tell: (seq: number, position: number) => freshness.told(seq, now_ms, position),
  }
}

describe('freshness', () => {
  it('is not known before the leader has told anything', () => {
    const { isBehind, tell } = world()
    expect(isBehind()).toBe(true)
    tell(10, 10)
    expect(isBehind()).toBe(false)
  })

  it('lasts while nothing that the leader told is overdue', () => {
    const { isBehind, tell, pass, reached } = world()
    tell(10, 9)
    pass(BEHIND_MS_MAX)
    expect(isBehind()).toBe(false)
    pass(1)
    expect(isBehind()).toBe(true)
    reached(9)
    expect(isBehind()).toBe(true)
    reached(10)
    expect(isBehind()).toBe(false)
  })

  it('counts from the oldest thing that is overdue, however often the leader tells of more', () => {
    const { isBehind, tell, pass } = world()
    tell(10, 9)
    for (let i = 0; i < 10; i += 1) {
      pass(100)
      tell(20 + i, 9)
    }
    expect(isBehind()).toBe(true)
  })

  it('goes on while the leader says nothing', () => {
    const { isBehind, tell, pass } = world()
    tell(10, 10)
    pass(1_000_000)
    expect(isBehind()).toBe(false)
  })
})
