import { describe, expect, it } from 'vitest'
import { chunksOf, inParallel, sharedAfter } from './parallel.js'

describe('working in parallel', () => {
  it('keeps to its limit and gives results in order', async () => {
    let [under_way, most] = [0, 0]
    const results = await inParallel(3, [5, 4, 3, 2, 1], async n => {
      under_way += 1
      most = Math.max(most, under_way)
      for (let i = 0; i < n; i += 1) await Promise.resolve()
      under_way -= 1
      return n * 10
    })
    expect(results).toEqual([50, 40, 30, 20, 10])
    expect(most).toBe(3)
  })

  it('begins nothing new after a failure, and lets what is under way end first', async () => {
    const begun: number[] = []
    const ended: number[] = []
    const work = inParallel(2, [1, 2, 3, 4], async n => {
      begun.push(n)
      await Promise.resolve()
      if (n === 1) throw new Error('no')
      for (let i = 0; i < 20; i += 1) await Promise.resolve()
      ended.push(n)
    })
    await expect(work).rejects.toThrow('no')
    expect(begun).toEqual([1, 2])
    expect(ended).toEqual([2])
  })

  it('cuts into pieces that hold everything once', () => {
    expect(chunksOf(2, [1, 2, 3, 4, 5])).toEqual([[1, 2], [3, 4], [5]])
    expect(chunksOf(2, [])).toEqual([])
  })
})

describe('sharing one work', () => {
  it.each([0, 1, 2, 3, 4, 5])(
    'of %i turns runs it once at a time, and each caller gets a run that began after its call',
    async turns => {
      let [running, most, runs] = [0, 0, 0]
      const shared = sharedAfter(async () => {
        running += 1
        runs += 1
        const run = runs
        most = Math.max(most, running)
        for (let turn = 0; turn < turns; turn += 1) await Promise.resolve()
        running -= 1
        return run
      })
      const calls: Promise<boolean>[] = []
      for (let call = 0; call < 200; call += 1) {
        const runs_before = runs
        calls.push(shared().then(run => run > runs_before))
        await Promise.resolve()
      }
      expect(await Promise.all(calls)).toEqual(calls.map(() => true))
      expect(most).toBe(1)
    },
  )
})
