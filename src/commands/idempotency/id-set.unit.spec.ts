/** The set of known ids never says that a stored id is new, and rarely that a new one may be stored. */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hashOfEvent } from '../../known-ids/hash-of-event.js'
import {
  ChunkCollector,
  chunkNameOf,
  chunkSubject,
  IdChunk,
  type NamedChunk,
} from '../../known-ids/id-chunk.js'
import { hashBytes, hashText, type IdHash } from '../../known-ids/id-hash.js'
import { arbitraryEvent } from '../../ledger/testing/arbitrary.js'
import { decodePlain, encodePlain } from '../../ledger/testing/plain.js'
import { IdFilter } from './id-filter.js'
import { IdSet } from './id-set.js'
import { RecentIds } from './recent-ids.js'
import { sortedHashes } from './sorted-hashes.js'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const hash = (id: string): IdHash => hashText(id, { low: 0, high: 0 })
const event = (transaction_id: string): Uint8Array =>
  bytes(`{"schema":1,"type":"credit","amount":1,"transaction_id":"${transaction_id}"}`)

const idText = fc.string({
  unit: fc.integer({ min: 0x21, max: 0x7e }).map(code => String.fromCharCode(code)),
  minLength: 1,
  maxLength: 135,
})

describe('the hash of an id', () => {
  it('is the same for its text and for its bytes, wherever they stand', () => {
    fc.assert(
      fc.property(idText, fc.nat(20), (id, at) => {
        const body = bytes(`${'x'.repeat(at)}${id}yyy`)
        expect(hashBytes(body, at, at + id.length, { low: 0, high: 0 })).toEqual(hash(id))
      }),
    )
  })

  it.each<[string, (i: number) => string]>([
    ['that count up', i => `order-${i}`],
    ['that are padded', i => `${i}`.padStart(64, '0')],
    ['that differ in their first characters', i => `${i.toString(36)}${'-payment'.repeat(8)}`],
    ['of a few characters', i => i.toString(36)],
  ])('differs for ids %s', (_, idOf) => {
    const seen = new Set<string>()
    const halves = new Set<number>()
    for (let i = 0; i < 50_000; i += 1) {
      const { low, high } = hash(idOf(i))
      seen.add(`${low} ${high}`)
      halves.add(high)
    }
    expect(seen.size).toBe(50_000)
    // of 50,000 random numbers of 32 bits hardly one is there twice
    expect(halves.size).toBeGreaterThan(49_990)
  })

  it('is for ever what it is now: checkpoints hold it', () => {
    expect(hash('018f3c5e-7a10-7c3e-8f00-000000000001')).toEqual(GOLDEN)
  })
})

const GOLDEN: IdHash = { low: 911595690, high: 3147954231 }

describe('the filter', () => {
  it.each([
    { bits: 12, wrong_max: 0.01 },
    { bits: 16, wrong_max: 0.003 },
    { bits: 20, wrong_max: 0.001 },
  ])(
    'has every id that was added, across several layers, and rarely another one: $bits bits',
    ({ bits, wrong_max }) => {
      const filter = new IdFilter(0, 10_000, () => bits)
      const ids = 40_000
      for (let i = 0; i < ids; i += 1) filter.add(hash(`id-${i}`))
      let missed = 0
      for (let i = 0; i < ids; i += 1) if (!filter.mayHave(hash(`id-${i}`))) missed += 1
      expect(missed).toBe(0)
      let wrong = 0
      for (let i = 0; i < 100_000; i += 1) if (filter.mayHave(hash(`other-${i}`))) wrong += 1
      expect(wrong / 100_000).toBeLessThan(wrong_max)
      // a layer of 10,000 ids and one of 40,000
      expect(filter.bytes).toBeLessThan((50_000 * bits) / 8 + 1_000)
    },
  )

  it('of an expected number of ids has one layer for them', () => {
    const filter = new IdFilter(30_000, 10_000)
    for (let i = 0; i < 30_000; i += 1) filter.add(hash(`${i}`))
    expect(filter.bytes).toBeLessThan(30_000 * 2.51)
  })

  it('has fewer bits for an id where there are many', () => {
    const bits = [2 ** 20, 2 ** 26, 2 ** 27].map(ids => Math.round((8 * new IdFilter(ids).bytes) / ids))
    expect(bits).toEqual([20, 16, 12])
  })
})

describe('the newest ids', () => {
  it('are what a map of all ids says, from a place on that moves with them', () => {
    const steps = fc.array(fc.tuple(fc.nat(40), fc.integer({ min: 1, max: 3 })), { maxLength: 200 })
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 30 }), (events, ids_max) => {
        const recent = new RecentIds(0, ids_max)
        const all = new Map<string, number[]>()
        let seq = 0
        for (const [id, step] of events) {
          seq += step
          recent.add(hash(`${id}`), seq)
          all.set(`${id}`, [...(all.get(`${id}`) ?? []), seq])
        }
        for (const [id, seqs] of all) {
          const exact = seqs.filter(at => at > recent.after_seq)
          expect(recent.seqOf(hash(id))).toBe(exact[0])
        }
        expect(recent.seqOf(hash('none'))).toBeUndefined()
        expect([...all.values()].flat().filter(at => at > recent.after_seq).length).toBeGreaterThanOrEqual(
          Math.min(events.length, ids_max),
        )
      }),
    )
  })
})

describe('the id of an event', () => {
  it('is the one that the codec reads, whatever the body is', () => {
    const written = arbitraryEvent.map(one => bytes(encodePlain(one)))
    const twice = fc
      .tuple(idText, idText)
      .map(([a, b]) =>
        bytes(
          `{"type":"credit","amount":1,"transaction_id":${JSON.stringify(a)},"transaction_id":${JSON.stringify(b)}}`,
        ),
      )
    fc.assert(
      fc.property(fc.oneof(written, twice, fc.uint8Array()), body => {
        const decoded = decodePlain(body)
        const id = decoded.tag === 'event' ? decoded.event.transaction_id : undefined
        const found: IdHash = { low: 0, high: 0 }
        expect(hashOfEvent(body, found)).toBe(id !== undefined)
        if (id !== undefined) expect(found).toEqual(hash(id))
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('the set', () => {
  it('knows every id that was taken, and the first event of each', () => {
    fc.assert(
      fc.property(fc.array(fc.option(idText), { maxLength: 100 }), fc.array(idText), (ids, others) => {
        const set = new IdSet()
        ids.forEach((id, i) => {
          set.take(
            i + 1,
            id === null ? bytes('{"type":"credit","amount":1}') : event(JSON.stringify(id).slice(1, -1)),
          )
        })
        expect(set.position).toBe(ids.length)
        ids.forEach(id => {
          if (id === null) return
          expect(set.mayHave(id)).toBe(true)
          expect(set.seqOf(id)).toBe(ids.indexOf(id) + 1)
        })
        for (const other of others) if (!ids.includes(other)) expect(set.seqOf(other)).toBeUndefined()
      }),
    )
  })

  it('knows nothing of the stream before, when it begins anew', () => {
    const set = new IdSet()
    set.take(1, event('a'))
    set.restart(0)
    expect([set.position, set.mayHave('a'), set.seqOf('a')]).toEqual([0, false, undefined])
  })
})

describe('a chunk of the checkpoint', () => {
  const EVENTS = 8
  type Chunks = { readonly whole: readonly NamedChunk[]; readonly set: IdSet }

  /** Takes events at `seqs`, some of them without an id, into a set and a collector. */
  const collect = (seqs: readonly number[], collector = new ChunkCollector(EVENTS), time_ms = 0): Chunks => {
    const set = new IdSet()
    const whole = seqs.flatMap(seq => {
      const data = seq % 3 === 0 ? bytes('{"type":"credit","amount":1}') : event(`id-${seq}`)
      const followed = { seq, subject: 'customer.balance.1', data, time: new Date(time_ms + seq) }
      return collector.take(followed, set.take(seq, data)) ?? []
    })
    return { whole, set }
  }
  const upTo = (end: number, from = 1): number[] => Array.from({ length: end - from + 1 }, (_, i) => from + i)

  it('gives a set the same ids and sequences as the events that it was made of', () => {
    const { whole, set } = collect(upTo(3 * EVENTS))
    expect(whole.map(({ chunk: { index, first_seq, last_seq } }) => [index, first_seq, last_seq])).toEqual([
      [0, 1, 8],
      [1, 9, 16],
      [2, 17, 24],
    ])
    const other = new IdSet()
    for (const { chunk } of whole) other.takeChunk(new IdChunk(chunk.index, chunk.body))
    const ids = upTo(3 * EVENTS + 10).map(seq => `id-${seq}`)
    expect(ids.map(id => other.seqOf(id))).toEqual(ids.map(id => set.seqOf(id)))
    expect([other.position, other.exact_after_seq]).toEqual([set.position, 0])
  })

  it('far before the end of the stream gives the ids without their sequences', () => {
    const { whole } = collect(upTo(2 * EVENTS))
    const set = new IdSet()
    set.addOlder(sortedHashes(whole.map(({ chunk }) => chunk)))
    set.goTo(2 * EVENTS)
    const ids = upTo(2 * EVENTS)
      .filter(seq => seq % 3 !== 0)
      .map(seq => `id-${seq}`)
    expect(ids.filter(id => !set.mayHave(id) || set.seqOf(id) !== undefined)).toEqual([])
    expect([set.mayHave('id-3'), set.position, set.exact_after_seq]).toEqual([false, 2 * EVENTS, 2 * EVENTS])
  })

  it('gives its hashes in the order of the filter, none twice and none of an event without an id', () => {
    const words = sortedHashes(collect(upTo(64 * EVENTS)).whole.map(({ chunk }) => chunk))
    const lows = [...words].filter((_, i) => i % 2 === 0)
    const own = upTo(64 * EVENTS)
      .filter(seq => seq % 3 !== 0)
      .map(seq => hash(`id-${seq}`).low)
    expect(lows.toSorted((a, b) => a - b)).toEqual(own.toSorted((a, b) => a - b))
    const tops = lows.map(low => low >>> 20)
    expect(tops).toEqual(tops.toSorted((a, b) => a - b))
  })

  it('fills the layers of a filter one after the other', () => {
    const filter = new IdFilter(0, 100)
    const words = sortedHashes(collect(upTo(64 * EVENTS)).whole.map(({ chunk }) => chunk))
    filter.addAll(words)
    const known = upTo(64 * EVENTS).filter(seq => seq % 3 !== 0 && !filter.mayHave(hash(`id-${seq}`)))
    expect([known, filter.bytes > new IdFilter(0, 100).bytes]).toEqual([[], true])
  })

  it('is the same for one that goes on after a chunk of the checkpoint', () => {
    const { whole } = collect(upTo(3 * EVENTS))
    const [first] = whole
    if (first === undefined) throw new Error('no chunk')
    const collector = new ChunkCollector(EVENTS)
    collect(upTo(2), collector)
    collector.goAfter(first)
    expect(collect(upTo(3 * EVENTS, EVENTS + 1), collector).whole).toEqual(whole.slice(1))
    collector.restart()
    expect(collect(upTo(3 * EVENTS), collector).whole).toEqual(whole)
  })

  it('has a name by which the chunk before is known, and which another time of its last event changes', () => {
    const names = collect(upTo(3 * EVENTS)).whole.map(({ name }) => name)
    expect(names.map(({ before }) => before)).toEqual(['0', names[0]?.own, names[1]?.own])
    expect(names.map(name => chunkNameOf(chunkSubject(name)))).toEqual(names)
    const others = collect(upTo(3 * EVENTS), new ChunkCollector(EVENTS), 1).whole.map(({ name }) => name.own)
    expect(names.filter(({ own }) => others.includes(own))).toEqual([])
  })

  it.each(['', '1', '1.0', 'x.0.aaaaaaaaaaaaaaaaaaaaaa', '1.0.a', '1.0.aaaaaaaaaaaaaaaaaaaaaa.b'])(
    'has no name in the subject %j',
    text => {
      expect(chunkNameOf(`customer.transaction-ids.${text}`)).toBeUndefined()
    },
  )

  it('leaves places without an event empty, and is not given, nor is any after it, without its last event', () => {
    const with_holes = collect([1, 2, 7, 8, 9, 15, 17, 24]).whole
    expect(with_holes.map(({ chunk }) => chunk.index)).toEqual([0])
    const own = { low: 0, high: 0 }
    expect(upTo(8).filter(seq => with_holes[0]?.chunk.read(seq, own))).toEqual([1, 2, 7, 8])
  })
})
