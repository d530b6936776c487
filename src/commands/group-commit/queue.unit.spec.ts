import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { movement, transfer } from '../../../test/support/coordinators.js'

import type { Group } from './group.js'
import { Queue, selectFree } from './queue.js'
import { group } from './testing/groups.js'

it('a second round takes no group whose customer is in the first round or in an earlier group of the queue', () => {
  const first = [group(movement('credit', 'a', 1))]
  const queue = [
    group(movement('credit', 'b', 1)),
    group(transfer('a', 'c', 1)),
    group(movement('debit', 'c', 1)),
    group(transfer('c', 'd', 1)),
    group(movement('credit', 'd', 1)),
    group(movement('credit', 'b', 1)),
  ]
  expect(selectFree(queue, [first]).map(each => queue.indexOf(each))).toEqual([0, 5])
})

describe('after a round the queue gathers', () => {
  let ready: number
  let queue: Queue
  const add = (groups: number): void => {
    for (let i = 0; i < groups; i += 1) queue.add(group(movement('credit', `c${i}`, 1)))
  }
  const groupsOf = (round: { readonly groups: readonly Group[] } | undefined): number | undefined =>
    round?.groups.length
  /** Runs a round of all that waits, for `took_ms`. */
  const runRound = (took_ms: number, again: readonly Group[] = []): void => {
    const round = queue.beginRound()
    vi.advanceTimersByTime(took_ms)
    round?.end(again)
  }

  /** A turn of the event loop. */
  const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))
  /** A millisecond, and the turn of the event loop after it. */
  const passMs = async (): Promise<void> => {
    vi.advanceTimersByTime(1)
    await turn()
  }

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
    ready = 0
    queue = new Queue(() => {
      ready += 1
    })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it('until the callers who were answered are back, together with those who waited', () => {
    add(4)
    const round = queue.beginRound()
    add(3)
    vi.advanceTimersByTime(10)
    round?.end([])
    expect(queue.beginRound()).toBeUndefined()
    add(3)
    expect(queue.beginRound()).toBeUndefined()
    add(1)
    expect(groupsOf(queue.beginRound())).toBe(7)
  })

  it('until nobody has come for a millisecond', async () => {
    add(10)
    runRound(20)
    await turn()
    for (let came = 1; came <= 3; came += 1) {
      add(1)
      await passMs()
      expect([groupsOf(queue.beginRound()), ready]).toEqual([undefined, 0])
    }
    await passMs()
    expect([groupsOf(queue.beginRound()), ready]).toEqual([3, 1])
  })

  it.each([
    [2, 2],
    [5, 3],
    [8, 5],
    [10, 6],
    [20, 6],
  ])('behind a round of %i ms for %i ms at most, while commands come', async (took_ms, gathering_ms) => {
    add(100)
    runRound(took_ms)
    await turn()
    for (let ms = 1; ms < gathering_ms; ms += 1) {
      add(1)
      await passMs()
      expect([groupsOf(queue.beginRound()), ready]).toEqual([undefined, 0])
    }
    add(1)
    await passMs()
    expect([groupsOf(queue.beginRound()), ready]).toEqual([gathering_ms, 1])
  })

  it('not for a caller who is alone, not behind a fast round, and not while groups are decided again', () => {
    add(1)
    runRound(10)
    add(1)
    expect(groupsOf(queue.beginRound()), 'alone').toBe(1)

    queue = new Queue(() => undefined)
    add(2)
    runRound(1)
    add(1)
    expect(groupsOf(queue.beginRound()), 'fast').toBe(1)

    queue = new Queue(() => undefined)
    add(2)
    runRound(10, [group(movement('credit', 'again', 1))])
    expect(groupsOf(queue.beginRound()), 'again').toBe(1)
  })

  it('and never waits for more groups than one round may have', () => {
    add(1_500)
    const round = queue.beginRound()
    vi.advanceTimersByTime(10)
    round?.end([])
    expect(groupsOf(round)).toBe(1_000)
    add(500)
    expect(groupsOf(queue.beginRound())).toBe(1_000)
  })
})
