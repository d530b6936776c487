/**
 * Compares the root of the stream's own tree with heads that name no leaves: heads that someone kept elsewhere, and heads
 * whose neighbours are missing.
 */

import { hexOf, type SignedHead } from './head.js'
import { EMPTY_TREE, grow, rootOf, type Tree } from './tree.js'

/** A head whose root is not that of the stream. The events after `after_seq` and up to its size are not those of then. */
export type RootFinding = {
  readonly head: SignedHead
  /** The size of the last head before it whose root is right; 0: there is none. */
  readonly after_seq: number
  /** Where the stream ends, if it ends before the head's size. */
  readonly ends_at?: number
}

export type Roots = {
  /** Has this head compared; false when the stream's tree is larger already. */
  readonly add: (head: SignedHead) => boolean
  /** Takes the hash of the stream's next leaf. */
  readonly take: (hash: Uint8Array) => void
  /** The largest size that is waited for. */
  readonly waitsFor: () => number
  /** The findings, once the stream has ended or every head is compared. */
  readonly end: () => readonly RootFinding[]
}

const FLUSH_LEAVES = 1_000

/** Creates the comparison; it waits for `heads` from the start. */
export const createRoots = (heads: readonly SignedHead[]): Roots => {
  const bySize = new Map<number, SignedHead[]>()
  const found: RootFinding[] = []
  let tree: Tree = EMPTY_TREE
  let pending: Uint8Array[] = []
  let right_seq = 0

  const size = (): number => tree.size + pending.length

  const compareNow = (): void => {
    tree = grow(tree, pending)
    pending = []
    const due = bySize.get(tree.size) ?? []
    bySize.delete(tree.size)
    const root = hexOf(rootOf(tree))
    const wrong = due.filter(head => head.root !== root)
    for (const head of wrong) found.push({ head, after_seq: right_seq })
    if (due.length > wrong.length) right_seq = tree.size
  }

  const add = (head: SignedHead): boolean => {
    if (head.size < size()) return false
    bySize.set(head.size, [...(bySize.get(head.size) ?? []), head])
    if (head.size === size()) compareNow()
    return true
  }
  for (const head of heads) add(head)

  return {
    add,
    take: hash => {
      pending.push(hash)
      if (pending.length >= FLUSH_LEAVES || bySize.has(size())) compareNow()
    },
    waitsFor: () => Math.max(0, ...bySize.keys()),
    end: () => {
      const ends_at = size()
      const cut = [...bySize.values()].flat().map(head => ({ head, after_seq: right_seq, ends_at }))
      return [...found, ...cut]
    },
  }
}
