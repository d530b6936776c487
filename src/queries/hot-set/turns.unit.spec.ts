import { describe, expect, it } from 'vitest'
import { clientId } from '../../ledger/testing/arbitrary.js'
import { createSlots } from '../../parallel.js'
import { createTurns } from './turns.js'

const ID = clientId('678')

/** Reads that end when the test says so. */
const reads = () => {
  const open: ((value: number) => void)[] = []
  const read = (): Promise<number> => new Promise(resolve => open.push(resolve))
  return { open, read }
}

describe('turns', () => {
  it('share the read that is under way among those who want any', async () => {
    const { open, read } = reads()
    const turns = createTurns<number>()
    const both = Promise.all([turns.any(ID, read), turns.any(ID, read)])
    expect(open).toHaveLength(1)
    open[0]?.(1)
    expect(await both).toEqual([1, 1])
  })

  it('never overlap, and let those who need a later read share the next', async () => {
    const { open, read } = reads()
    const turns = createTurns<number>()
    const first = turns.any(ID, read)
    const later = Promise.all([turns.later(ID, read), turns.later(ID, read)])
    expect(open).toHaveLength(1)
    open[0]?.(1)
    await first
    await Promise.resolve()
    expect(open).toHaveLength(2)
    const third = turns.later(ID, read)
    expect(turns.any(ID, read)).not.toBe(third)
    open[1]?.(2)
    expect(await later).toEqual([2, 2])
    await Promise.resolve()
    open[2]?.(3)
    expect(await third).toBe(3)
    expect(open).toHaveLength(3)
  })

  it('begin anew when nobody reads any more', async () => {
    const { open, read } = reads()
    const turns = createTurns<number>()
    const first = turns.any(ID, read)
    open[0]?.(1)
    await first
    void turns.any(ID, read)
    expect(open).toHaveLength(2)
  })
})

describe('a limit', () => {
  it('lets so many work at once, the others in their order', async () => {
    const { open, read } = reads()
    const limit = createSlots(2)
    const all = [1, 2, 3, 4].map(() => limit(read))
    expect(open).toHaveLength(2)
    open[0]?.(1)
    expect(await all[0]).toBe(1)
    expect(open).toHaveLength(3)
    open[1]?.(2)
    open[2]?.(3)
    expect(await Promise.all(all.slice(1, 3))).toEqual([2, 3])
    open[3]?.(4)
    expect(await all[3]).toBe(4)
  })
})
