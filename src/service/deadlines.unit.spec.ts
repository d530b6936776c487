import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createDeadlines, type Waiting } from './deadlines.js'

type Item = Waiting & { readonly name: string }

const TIMEOUT_MS = 100

const setup = () => {
  const expired: string[] = []
  const deadlines = createDeadlines<Item>(TIMEOUT_MS, ({ name }) => expired.push(name))
  const add = (name: string): Item => {
    const item = { name, started_ns: process.hrtime.bigint() }
    deadlines.add(item)
    return item
  }
  return { deadlines, expired, add }
}

describe('deadlines', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'hrtime'] })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it('expire an item when it waited for the timeout, and no earlier', () => {
    const { expired, add } = setup()
    add('a')
    vi.advanceTimersByTime(TIMEOUT_MS - 1)
    expect(expired).toEqual([])
    vi.advanceTimersByTime(2)
    expect(expired).toEqual(['a'])
  })

  it('expire each item at its own time, though one timer serves them all', () => {
    const { expired, add } = setup()
    add('a')
    vi.advanceTimersByTime(60)
    add('b')
    expect(vi.getTimerCount()).toBe(1)
    vi.advanceTimersByTime(60)
    expect(expired).toEqual(['a'])
    vi.advanceTimersByTime(60)
    expect(expired).toEqual(['a', 'b'])
  })

  it('do not expire what was removed, and say whether it still waited', () => {
    const { deadlines, expired, add } = setup()
    const a = add('a')
    expect(deadlines.remove(a)).toBe(true)
    expect(deadlines.remove(a)).toBe(false)
    vi.advanceTimersByTime(10 * TIMEOUT_MS)
    expect(expired).toEqual([])
  })

  it('say of an expired item that it does not wait any more', () => {
    const { deadlines, add } = setup()
    const a = add('a')
    vi.advanceTimersByTime(TIMEOUT_MS + 1)
    expect(deadlines.remove(a)).toBe(false)
  })

  it('set no timer when nobody waits, and set one again for the next', () => {
    const { expired, add } = setup()
    add('a')
    vi.advanceTimersByTime(TIMEOUT_MS + 1)
    expect(vi.getTimerCount()).toBe(0)
    add('b')
    vi.advanceTimersByTime(TIMEOUT_MS + 1)
    expect(expired).toEqual(['a', 'b'])
  })

  it('tell when the last one has its answer, be it by removal or by expiry', async () => {
    const { deadlines, add } = setup()
    await deadlines.empty()
    const a = add('a')
    let empty = false
    const emptied = deadlines.empty().then(() => {
      empty = true
    })
    add('b')
    deadlines.remove(a)
    await Promise.resolve()
    expect(empty).toBe(false)
    vi.advanceTimersByTime(TIMEOUT_MS + 1)
    await emptied
  })

  it('hand over all that wait, and then expire none of them', () => {
    const { deadlines, expired, add } = setup()
    add('a')
    add('b')
    const taken: string[] = []
    deadlines.takeAll(({ name }) => taken.push(name))
    vi.advanceTimersByTime(10 * TIMEOUT_MS)
    expect({ taken, expired, left: deadlines.size() }).toEqual({ taken: ['a', 'b'], expired: [], left: 0 })
  })
})
