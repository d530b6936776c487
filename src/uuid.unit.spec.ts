import { describe, expect, it } from 'vitest'
import { uuidv7 } from './uuid.js'

describe('a fresh transaction id', () => {
  it('is a UUID of version 7 and of the RFC’s variant', () => {
    for (let i = 0; i < 1_000; i += 1) {
      expect(uuidv7()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    }
  })

  it('is another one each time', () => {
    expect(new Set(Array.from({ length: 10_000 }, () => uuidv7())).size).toBe(10_000)
  })

  it('sorts by the time it was made', () => {
    const ids = [0, 1, 255, 2 ** 40, 2 ** 48 - 1].map(uuidv7)
    expect([...ids].sort()).toEqual(ids)
    expect(uuidv7(1_700_000_000_000)).toMatch(/^018bcfe5-6800-7/)
  })
})
