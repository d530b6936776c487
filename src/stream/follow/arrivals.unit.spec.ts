import { describe, expect, it } from 'vitest'
import { createArrivals } from './arrivals.js'

const LONG_MS = 60_000

const world = () => {
  let position = 5
  const arrivals = createArrivals(() => position)
  const come: number[] = []
  return {
    come,
    wait: (seq: number, ms = LONG_MS) => arrivals.until(seq, ms).then(() => come.push(seq)),
    reach: async (seq: number) => {
      position = seq
      arrivals.reached(seq)
      await Promise.resolve()
    },
  }
}

describe('who waits for a sequence', () => {
  it('does not wait for what was followed already', async () => {
    const { wait, come } = world()
    await wait(5)
    expect(come).toEqual([5])
  })

  it('is woken by the event that gets there or beyond, and the others go on waiting', async () => {
    const { wait, reach, come } = world()
    const all = [wait(9), wait(7), wait(7), wait(12)]
    await reach(6)
    expect(come).toEqual([])
    await reach(8)
    expect(come).toEqual([7, 7])
    await reach(11)
    expect(come).toEqual([7, 7, 9])
    await reach(12)
    await Promise.all(all)
    expect(come).toEqual([7, 7, 9, 12])
  })

  it('is told when its time is over', async () => {
    const { wait, come } = world()
    await wait(9, 1)
    expect(come).toEqual([9])
  })
})
