import { expect, it } from 'vitest'
import { hexOf, type SignedHead } from './head.js'
import { createRoots } from './roots.js'
import { sha256 } from './sha256.js'
import { EMPTY_TREE, grow, rootOf } from './tree.js'

const leaves = Array.from({ length: 2_500 }, (_, i) => sha256(String(i)))
const headOf = (of: readonly Uint8Array[]) =>
  ({ size: of.length, root: hexOf(rootOf(grow(EMPTY_TREE, of))) }) as SignedHead
const headAt = (size: number): SignedHead => headOf(leaves.slice(0, size))

const compared = (heads: readonly SignedHead[], of: readonly Uint8Array[] = leaves) => {
  const roots = createRoots(heads)
  for (const leaf of of) roots.take(leaf)
  return roots.end()
}

it('a stream has the roots of the heads that were signed for it, in any order', () => {
  expect(compared([headAt(2_500), headAt(0), headAt(1_000), headAt(1_000), headAt(7)])).toEqual([])
})

it('a changed event is between the last head that is right and the first one that is wrong', () => {
  const changed = leaves.with(1_776, sha256('another'))
  const heads = [headAt(1_000), headAt(1_776), headAt(1_777), headAt(2_500)]
  expect(compared(heads, changed)).toEqual([
    { head: headAt(1_777), after_seq: 1_776 },
    { head: headAt(2_500), after_seq: 1_776 },
  ])
})

it('a stream that ends before a head does says where it ends', () => {
  expect(compared([headAt(1_000), headAt(2_500)], leaves.slice(0, 2_000))).toEqual([
    { head: headAt(2_500), after_seq: 1_000, ends_at: 2_000 },
  ])
})

it('a head for which the stream is too far already is not compared', () => {
  const roots = createRoots([])
  for (const leaf of leaves.slice(0, 10)) roots.take(leaf)
  expect([roots.add(headAt(9)), roots.add(headAt(10)), roots.add(headAt(11))]).toEqual([false, true, true])
  expect(roots.waitsFor()).toBe(11)
})
