import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createAhead } from './ahead.js'
import { compareLine, type Finding } from './compare.js'
import type { SignedHead } from './head.js'
import { type Entry, holeAt, leafOf } from './leaf.js'
import type { SignedLeaf } from './signed.js'

const EMPTY = new Uint8Array(0)
const FINDINGS_MAX = 1_000
const head = { size: 1_000_000 } as unknown as SignedHead

const entry = (seq: number, body: string): Entry => ({
  seq,
  time_ns: BigInt(seq) * 1_000n,
  subject: 'customer.balance.678',
  headers: EMPTY,
  body: Buffer.from(body),
})
const stream = (bodies: readonly string[]): Entry[] => bodies.map((body, i) => entry(i + 1, body))
const bodiesTo = (n: number): string[] => Array.from({ length: n }, (_, i) => `event ${i + 1}`)
const signedOf = (entries: readonly Entry[]): SignedLeaf[] =>
  entries.map(one => ({ seq: one.seq, leaf: leafOf(one), head }))

async function* pagesOf<A>(items: readonly A[]): AsyncGenerator<readonly A[]> {
  for (let at = 0; at < items.length; at += 7) yield items.slice(at, at + 7)
}

const compare = async (signed: readonly Entry[], stored: readonly Entry[], max = FINDINGS_MAX) => {
  let passed = 0
  const result = await compareLine(
    createAhead(pagesOf(signedOf(signed))),
    createAhead(pagesOf(stored)),
    max,
    () => {
      passed += 1
    },
  )
  return { ...result, passed }
}

const shown = ({ head: _, ...rest }: Finding) => rest
const found = async (bodies: readonly string[], stored: readonly Entry[]) =>
  (await compare(stream(bodies), stored)).findings.map(shown)

/** The same events in a stream that was written anew: other sequences and other times. */
const rewritten = (bodies: readonly string[]): Entry[] =>
  stream(bodies).map(one => ({ ...one, time_ns: one.time_ns + 5n }))

describe('the comparison of a stream with its signed leaves', () => {
  const bodies = bodiesTo(40)

  it('finds nothing in the stream that was signed, also when events have come since', async () => {
    expect(await found(bodies, stream([...bodies, 'later']))).toEqual([])
    expect((await compare(stream(bodies), stream([...bodies, 'later']))).passed).toBe(40)
  })

  it('names an event whose bytes were changed', async () => {
    expect(await found(bodies, stream(bodies.with(17, 'event 18!')))).toEqual([{ kind: 'changed', seq: 18 }])
    expect(await found(bodies, stream(bodies.with(39, 'event 40!')))).toEqual([{ kind: 'changed', seq: 40 }])
  })

  it('names an event that was taken out, whether it left a hole or the later ones moved up', async () => {
    const holed = stream(bodies).with(17, holeAt(18))
    expect(await found(bodies, holed)).toEqual([{ kind: 'missing', seq: 18 }])
    expect(await found(bodies, rewritten(bodies.toSpliced(17, 1)))).toEqual([
      { kind: 'missing', seq: 18 },
      { kind: 'time', seq: 1, last_seq: 17 },
      { kind: 'time', seq: 19, last_seq: 40 },
    ])
  })

  it('names events that were put in', async () => {
    expect(await found(bodies, stream(bodies.toSpliced(17, 0, 'new', 'newer')))).toEqual([
      { kind: 'added', seq: 18 },
      { kind: 'added', seq: 19 },
      { kind: 'time', seq: 18, last_seq: 40 },
    ])
    expect(await found(['a', '', 'b'], [...stream(['a']), entry(2, 'in a hole'), entry(3, 'b')])).toEqual([
      { kind: 'changed', seq: 2 },
    ])
  })

  it('names two events that were exchanged, beside each other or far apart, and one that was moved', async () => {
    const exchanged = (i: number, j: number) => bodies.with(i, bodies[j] ?? '').with(j, bodies[i] ?? '')
    for (const [i, j] of [
      [3, 4],
      [3, 5],
      [3, 30],
    ] as const)
      expect(await found(bodies, stream(exchanged(i, j)))).toContainEqual({
        kind: 'exchanged',
        seq: i + 1,
        with_seq: j + 1,
      })
    const moved = bodies.toSpliced(3, 1).toSpliced(20, 0, bodies[3] ?? '')
    expect(await found(bodies, stream(moved))).toContainEqual({ kind: 'moved', seq: 4, to_seq: 21 })
  })

  it('names a time that was changed, and events that are gone from the end', async () => {
    const early = stream(bodies).with(9, { ...entry(10, 'event 10'), time_ns: 1n })
    expect(await found(bodies, early)).toEqual([{ kind: 'time', seq: 10, last_seq: 10 }])
    expect(await found(bodies, stream(bodies.slice(0, 30)))).toEqual([{ kind: 'cut', seq: 31, last_seq: 40 }])
  })

  it('ends after as many findings as were asked for', async () => {
    // farther apart than the comparison looks ahead
    const many = bodiesTo(1_100)
    const { findings, ended_seq } = await compare(stream(many), stream(many.map(body => `${body}!`)), 5)
    expect(ended_seq).toBe(6)
    expect(findings.map(shown)).toEqual([1, 2, 3, 4, 5].map(seq => ({ kind: 'changed', seq })))
  })

  it('finds something after any change whatever', async () => {
    const any = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 12 })
    await fc.assert(
      fc.asyncProperty(any, any, async (signed, stored) => {
        const is_same = signed.every((body, i) => stored[i] === body)
        expect((await found(signed, stream(stored))).length === 0).toBe(is_same)
      }),
      { numRuns: 500 },
    )
  })
})
