import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hexOf } from './head.js'
import { decodeLeaves, encodeLeaves, hashOf, holeAt, leafOf } from './leaf.js'
import { LEAF, nodeHash, sha256 } from './sha256.js'
import { auditPath, EMPTY_TREE, grow, peaksOf, rootOf } from './tree.js'

const SIZE_MAX = 70
const leaves = Array.from({ length: SIZE_MAX }, (_, i) => sha256(Uint8Array.of(LEAF, i)))

/** The tree's root as RFC 6962, 2.1 defines it. */
const definition = (from: readonly Uint8Array[]): Uint8Array => {
  const [only] = from
  if (only === undefined) return sha256('')
  if (from.length === 1) return only
  let split = 1
  while (split * 2 < from.length) split *= 2
  return nodeHash(definition(from.slice(0, split)), definition(from.slice(split)))
}

const treeOf = (size: number) => grow(EMPTY_TREE, leaves.slice(0, size))

/** The root that RFC 9162, 2.1.3.2 computes from an audit path. */
const rootFrom = (index: number, size: number, path: readonly Uint8Array[]): Uint8Array => {
  let [node, last] = [index, size - 1]
  let root: Uint8Array = leaves[index] ?? sha256('')
  for (const hash of path) {
    if (node % 2 === 1 || node === last) {
      root = nodeHash(hash, root)
      while (node % 2 === 0 && node !== 0) [node, last] = [node / 2, Math.floor(last / 2)]
    } else root = nodeHash(root, hash)
    ;[node, last] = [Math.floor(node / 2), Math.floor(last / 2)]
  }
  expect(last).toBe(0)
  return root
}

describe('the tree of events', () => {
  it('has the roots of RFC 6962, however many leaves are added at once', () => {
    for (let size = 0; size <= SIZE_MAX; size += 1) {
      const tree = treeOf(size)
      expect(hexOf(rootOf(tree))).toBe(hexOf(definition(leaves.slice(0, size))))
      expect(tree.peaks).toHaveLength(peaksOf(size))
      const later = grow(tree, leaves.slice(size))
      expect(hexOf(rootOf(later))).toBe(hexOf(rootOf(treeOf(SIZE_MAX))))
    }
  })

  it('proves every leaf that was added, from the peaks before it', () => {
    const sizes = fc.tuple(fc.nat(SIZE_MAX - 1), fc.nat(SIZE_MAX), fc.nat(SIZE_MAX))
    fc.assert(
      fc.property(sizes, ([a, b, c]) => {
        const before = Math.min(a, b)
        const size = Math.max(a + 1, b)
        const index = before + (c % (size - before))
        const path = auditPath(index, treeOf(before), leaves.slice(before, size))
        expect(hexOf(rootFrom(index, size, path))).toBe(hexOf(rootOf(treeOf(size))))
        expect(path.length).toBeLessThanOrEqual(Math.ceil(Math.log2(size)))
      }),
      { numRuns: 300 },
    )
  })
})

describe('a leaf', () => {
  const entry = {
    seq: 1234,
    time_ns: 1_764_216_000_123_456_789n,
    subject: 'customer.balance.678',
    headers: Buffer.from('NATS/1.0\r\nNats-Msg-Id: t-1\r\n'),
    body: Buffer.from('{"type":"credit","amount":100}'),
  }

  it('is what docs/tamper-evidence.md says, for ever', () => {
    expect(hashOf(entry).toString('hex')).toBe(
      '85e790c659c36a3eff3327b18da7b4292d5d9747de9ac8aac7795f75bc3dd6b5',
    )
    expect(hashOf(holeAt(7)).toString('hex')).toBe(
      '3e4f48c74f7d76283eb6b324a5be46f87646a9ff8faf297eed35c5d4caf83bc7',
    )
  })

  it('depends on everything that is stored, and on where one part ends and the next begins', () => {
    const others = [
      { ...entry, seq: 1235 },
      { ...entry, time_ns: entry.time_ns + 1n },
      { ...entry, subject: 'customer.balance.679' },
      { ...entry, headers: Buffer.from('NATS/1.0\r\nNats-Msg-Id: t-2\r\n') },
      {
        ...entry,
        headers: Buffer.concat([entry.headers, entry.body.subarray(0, 1)]),
        body: entry.body.subarray(1),
      },
      { ...entry, body: Buffer.from('{"type":"credit","amount":900}') },
    ]
    const hashes = [entry, ...others].map(one => hashOf(one).toString('hex'))
    expect(new Set(hashes).size).toBe(others.length + 1)
  })

  it('comes back from the text that a head keeps', () => {
    const kept = [leafOf(entry), leafOf(holeAt(1235))]
    expect(decodeLeaves(encodeLeaves(kept))).toEqual(kept)
    expect(decodeLeaves(encodeLeaves(kept).slice(4))).toBeUndefined()
  })
})
