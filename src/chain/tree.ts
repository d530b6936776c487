/**
 * The tree of events: the Merkle tree of RFC 6962 (and RFC 9162), which grows at its right end.
 *
 * A tree of n leaves is a row of perfect subtrees, one for each bit of n that is set, the largest first. Their roots, the
 * *peaks*, are all that is needed to add leaves: at most 53 hashes, so every head carries them, and a start costs nothing.
 */

import { EMPTY_ROOT, nodeHash } from './sha256.js'

export type Tree = { readonly size: number; readonly peaks: readonly Uint8Array[] }

export const EMPTY_TREE: Tree = { size: 0, peaks: [] }

/** The number of peaks of a tree: the bits of `size` that are set. */
export const peaksOf = (size: number): number => [...size.toString(2)].filter(bit => bit === '1').length

/** The tree with `leaves` after those of `tree`. */
export const grow = ({ size, peaks }: Tree, leaves: readonly Uint8Array[]): Tree => {
  const row = [...peaks]
  let count = size
  for (const leaf of leaves) {
    let top: Uint8Array = leaf
    // each trailing bit that is set is a perfect subtree of the same height, which the new one completes
    for (let rest = count; rest % 2 === 1; rest = Math.floor(rest / 2)) {
      const left = row.pop()
      if (left === undefined) throw new Error(`a tree of ${size} leaves has ${peaks.length} peaks`)
      top = nodeHash(left, top)
    }
    row.push(top)
    count += 1
  }
  return { size: count, peaks: row }
}

/** The hash that commits to every leaf and to their order. */
export const rootOf = ({ peaks }: Tree): Uint8Array =>
  peaks.length === 0 ? EMPTY_ROOT : peaks.reduceRight((right, left) => nodeHash(left, right))

/** The largest power of two that is smaller than `n`. */
const splitOf = (n: number): number => {
  let split = 1
  while (split * 2 < n) split *= 2
  return split
}

/** The hash of any range that RFC 6962 splits off, from the peaks of the tree before and the leaves after it. */
const createRanges = (before: Tree, leaves: readonly Uint8Array[]) => {
  const peaks = new Map<string, Uint8Array>()
  let from = 0
  let left = before.size
  for (const peak of before.peaks) {
    const width = left === 1 ? 1 : splitOf(left + 1)
    peaks.set(`${from} ${from + width}`, peak)
    from += width
    left -= width
  }
  const rangeOf = (low: number, high: number): Uint8Array => {
    const known = peaks.get(`${low} ${high}`) ?? (high === low + 1 ? leaves[low - before.size] : undefined)
    if (known !== undefined) return known
    if (high <= low + 1) throw new Error(`the leaf ${low} is not at hand`)
    const middle = low + splitOf(high - low)
    return nodeHash(rangeOf(low, middle), rangeOf(middle, high))
  }
  return rangeOf
}

/**
 * The audit path of RFC 6962, 2.1.1 for leaf `index` (from 0) of the tree that consists of `before` and `leaves`: the
 * hashes beside the way from the leaf up to the root, the lowest first. The leaf has to be one of `leaves`.
 */
export const auditPath = (index: number, before: Tree, leaves: readonly Uint8Array[]): Uint8Array[] => {
  const rangeOf = createRanges(before, leaves)
  const path: Uint8Array[] = []
  let [low, high] = [0, before.size + leaves.length]
  while (high - low > 1) {
    const middle = low + splitOf(high - low)
    if (index < middle) {
      path.push(rangeOf(middle, high))
      high = middle
    } else {
      path.push(rangeOf(low, middle))
      low = middle
    }
  }
  return path.reverse()
}
