import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createLru } from './lru.js'

it('gives what was set last or nothing, whatever is done, and never holds more than its size', () => {
  const act = fc.record({
    does: fc.constantFrom('set', 'get', 'delete'),
    key: fc.nat({ max: 30 }),
    value: fc.nat(),
  })
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 20 }), fc.array(act, { maxLength: 200 }), (size_max, acts) => {
      const lru = createLru<number, number>(size_max)
      const values = new Map<number, number>()
      for (const { does, key, value } of acts) {
        if (does === 'delete') {
          lru.delete(key)
          values.delete(key)
        } else if (does === 'set') {
          lru.set(key, value)
          values.set(key, value)
          expect(lru.get(key)).toBe(value)
        } else expect([undefined, values.get(key)]).toContain(lru.get(key))
      }
      const held = [...values.keys()].filter(key => lru.get(key) !== undefined)
      expect(held.length).toBeLessThanOrEqual(size_max + 1)
    }),
  )
})

it('keeps what was used within the last half of its size', () => {
  const lru = createLru<number, string>(100)
  for (let i = 0; i < 1_000; i += 1) {
    lru.set(i, `value ${i}`)
    if (i > 0) expect(lru.get(0) ?? 'value 0').toBe('value 0')
    for (let back = Math.max(0, i - 20); back <= i; back += 5) expect(lru.get(back)).toBe(`value ${back}`)
  }
  expect(lru.get(0)).toBe('value 0')
  expect(lru.get(500)).toBeUndefined()
  lru.delete(0)
  expect(lru.get(0)).toBeUndefined()
})
