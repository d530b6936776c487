import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Recorded } from '../stream/recorded.js'
import { createSequencer, type Delivery, LeaderBehind, type Sources } from './in-order.js'

const recorded = (seq: number): Recorded => ({
  seq,
  subject: 'customer.balance.1',
  body: new Uint8Array(10),
  at: new Date(0),
})
const delivery = (seq: number, redelivered = false): Delivery => ({ ...recorded(seq), redelivered })
const seqs = (records: readonly Recorded[]): number[] => records.map(({ seq }) => seq)

/** A stream that holds 1 to `last`, less `holes`; `floor` is what another instance has acknowledged. */
const stream = (last: number, floor = 0, holes: readonly number[] = [], ahead = 3, bytes_max?: number) => {
  const state = { floor, reads: 0, batches: 0 }
  const sources: Sources = {
    firstUnacked: async () => state.floor + 1,
    next: async seq => {
      state.reads += 1
      for (let at = seq; at <= last; at += 1) if (!holes.includes(at)) return recorded(at)
      return undefined
    },
    ahead: async (from, to) => {
      state.batches += 1
      const until = Math.min(to - 1, last, from + ahead - 1)
      const seqs = Array.from({ length: Math.max(until - from + 1, 0) }, (_, i) => from + i)
      return seqs.filter(seq => !holes.includes(seq)).map(recorded)
    },
  }
  return { sequencer: createSequencer(sources, bytes_max), state }
}

describe('putting deliveries in order', () => {
  it('expects what was taken before its delivery no more, and asks for nothing again when it comes', async () => {
    const { sequencer, state } = stream(5)
    await sequencer.arrange([1, 2].map(n => delivery(n)))
    expect((await sequencer.takeNext())?.seq).toBe(3)
    const { batches } = state
    expect(seqs(await sequencer.arrange([delivery(3)]))).toEqual([])
    expect(seqs(await sequencer.arrange([3, 4, 5].map(n => delivery(n))))).toEqual([4, 5])
    expect(state.batches).toBe(batches)
  })

  it('passes on what comes in order without reading anything', async () => {
    const { sequencer, state } = stream(4)
    expect(seqs(await sequencer.arrange([1, 2].map(n => delivery(n))))).toEqual([1, 2])
    expect(seqs(await sequencer.arrange([3, 4].map(n => delivery(n))))).toEqual([3, 4])
    expect(state.reads).toBe(0)
    expect(sequencer.position()).toBe(5)
  })

  it('starts after what is acknowledged', async () => {
    const { sequencer } = stream(10, 5)
    expect(seqs(await sequencer.arrange([delivery(6)]))).toEqual([6])
  })

  it('ends a run early when many bytes are missing, and gives all of them one run after the other', async () => {
    const { sequencer } = stream(20, 0, [5], 3, 50)
    expect(seqs(await sequencer.arrange([delivery(18)]))).toEqual([1, 2, 3, 4, 6])
    expect(sequencer.position()).toBe(7)
    expect(seqs(await sequencer.arrange([delivery(19)]))).toEqual([7, 8, 9, 10, 11, 12])
    expect(seqs(await sequencer.arrange([delivery(14, true), delivery(20)]))).toEqual([13, 14, 15, 16, 17])
    expect(seqs(await sequencer.arrange([delivery(20)]))).toEqual([18, 19, 20])
  })

  it('reads what is missing from the stream instead of waiting for its redelivery', async () => {
    const { sequencer } = stream(10, 5)
    expect(seqs(await sequencer.arrange([delivery(9)]))).toEqual([6, 7, 8, 9])
  })

  it('reads much that is missing in few requests, and goes to the leader only where a replica has nothing', async () => {
    const { sequencer, state } = stream(5_000, 0, [], 1_000)
    expect(seqs(await sequencer.arrange([delivery(4_001)]))).toHaveLength(4_001)
    expect(state).toMatchObject({ reads: 0, batches: 4 })
    const behind = stream(10, 0, [], 0)
    expect(seqs(await behind.sequencer.arrange([delivery(4)]))).toEqual([1, 2, 3, 4])
    expect(behind.state.reads).toBe(3)
  })

  it('leaves out what was handled before', async () => {
    const { sequencer } = stream(10)
    await sequencer.arrange([1, 2, 3].map(n => delivery(n)))
    expect(seqs(await sequencer.arrange([delivery(2, true), delivery(4), delivery(1, true)]))).toEqual([4])
  })

  it('does not repeat what another instance handled while it stood by', async () => {
    const { sequencer, state } = stream(100)
    await sequencer.arrange([delivery(1)])
    state.floor = 90
    expect(seqs(await sequencer.arrange([delivery(93)]))).toEqual([91, 92, 93])
  })

  it('steps over a hole that the stream itself has', async () => {
    const { sequencer } = stream(10, 0, [2, 3])
    expect(seqs(await sequencer.arrange([delivery(1), delivery(5)]))).toEqual([1, 4, 5])
  })

  it('does not take a leader that is behind for a hole', async () => {
    const { sequencer } = stream(3)
    await expect(sequencer.arrange([delivery(6)])).rejects.toThrow(LeaderBehind)
  })

  it('gives the same again after a failure', async () => {
    const { sequencer } = stream(10)
    expect(seqs(await sequencer.arrange([delivery(1)]))).toEqual([1])
    sequencer.forget()
    expect(seqs(await sequencer.arrange([delivery(1)]))).toEqual([1])
  })

  it('goes back to the past when the consumer was reset', async () => {
    const { sequencer, state } = stream(10, 8)
    await sequencer.arrange([delivery(9)])
    state.floor = 0
    expect(seqs(await sequencer.arrange([delivery(1), delivery(2)]))).toEqual([1, 2])
  })

  it('gives every sequence exactly once and ascending, however they are delivered', async () => {
    const last = 30
    const arbitraryBatches = fc.array(
      fc.array(fc.tuple(fc.integer({ min: 1, max: last }), fc.constant(true)), {
        minLength: 1,
        maxLength: 8,
      }),
    )
    await fc.assert(
      fc.asyncProperty(arbitraryBatches, async batches => {
        const { sequencer } = stream(last)
        const given: number[] = []
        for (const batch of [...batches, [[last, true] as const]]) {
          given.push(...seqs(await sequencer.arrange(batch.map(([seq, again]) => delivery(seq, again)))))
        }
        expect(given).toEqual(Array.from({ length: last }, (_, i) => i + 1))
      }),
    )
  })
})
