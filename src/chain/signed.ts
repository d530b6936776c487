/**
 * Reads the stream of heads as one sequence of signed leaves for each line, and reports everything in it that is not a
 * head that follows the one before.
 */

import { E } from '../fp.js'
import { type Head, hexOf, idOf, type SignedHead } from './head.js'
import type { HeadMessage } from './head-stream.js'
import type { Leaf } from './leaf.js'
import { EMPTY_TREE, grow, rootOf, type Tree } from './tree.js'

/** One leaf as a head vouches for it. Without `leaf` the head says only that its root covers this sequence. */
export type SignedLeaf = { readonly seq: number; readonly leaf?: Leaf; readonly head: SignedHead }

/** What the reader tells beside the leaves. */
export type Told = {
  /** Something is wrong with the message at `place` of the stream of heads. */
  readonly onProblem: (place: number, detail: string) => void
  /** A genuine head. Unless `is_proved`, its leaves do not give its root, so its root has to be compared with the stream. */
  readonly onHead: (place: number, head: SignedHead, is_proved: boolean) => void
}

/** Whether the leaves of `next` turn `tree` into its own tree. */
const isGrownBy = (tree: Tree, { head, leaves }: Head): boolean => {
  if (tree.size + leaves.length !== head.size) return false
  const grown = grow(
    tree,
    leaves.map(({ hash }) => hash),
  )
  return hexOf(rootOf(grown)) === head.root
}

const PAGE_LEAVES = 1_000

/**
 * The leaves from `size` to that of a head. Of the leaves that are not known, those behind `end_seq`, where the stream ends,
 * are left out except for the last one: a head may claim any size.
 */
function* leavesBetween(
  size: number,
  { head, leaves }: Head,
  has_leaves: boolean,
  end_seq: number,
): Generator<readonly SignedLeaf[]> {
  const known = has_leaves ? leaves : []
  const unknown_seq = head.size - known.length
  const named_seq = Math.min(unknown_seq, Math.max(end_seq, size))
  for (let seq = size; seq < named_seq; seq += PAGE_LEAVES)
    yield Array.from({ length: Math.min(PAGE_LEAVES, named_seq - seq) }, (_, i) => ({
      seq: seq + i + 1,
      head,
    }))
  if (named_seq < unknown_seq) yield [{ seq: unknown_seq, head }]
  yield known.map((leaf, i) => ({ seq: unknown_seq + i + 1, leaf, head }))
}

export type Lines = {
  /** The next line: its number, and its leaves. Undefined when there is none. The leaves have to be read to their end first. */
  readonly next: () => Promise<
    { readonly line: number; readonly pages: AsyncIterator<readonly SignedLeaf[]> } | undefined
  >
}

/**
 * @param keys the public nkeys that are trusted; none: every head's own key
 * @param end_seq the end of the stream
 */
export const readLines = (
  messages: AsyncIterator<HeadMessage>,
  keys: readonly string[],
  end_seq: number,
  { onProblem, onHead }: Told,
): Lines => {
  /** A head that was read, but belongs to the next line. */
  let held: { readonly place: number; readonly head: Head } | undefined
  let last_id = ''

  const nextHead = async (): Promise<{ readonly place: number; readonly head: Head } | undefined> => {
    for (;;) {
      const message = await messages.next()
      if (message.done === true) return undefined
      const { place, read } = message.value
      if (E.isLeft(read)) onProblem(place, `it is no genuine head: ${read.left}`)
      else if (keys.length > 0 && !keys.includes(read.right.head.key))
        onProblem(place, `it is signed with ${read.right.head.key}, which is not a given key`)
      else return { place, head: read.right }
    }
  }

  async function* pagesOf(line: number): AsyncGenerator<readonly SignedLeaf[]> {
    let tree: Tree = EMPTY_TREE
    for (held ??= await nextHead(); held?.head.head.line === line; held = await nextHead()) {
      const { place, head } = held
      const { size, previous } = head.head
      if (size < tree.size || idOf(head.head) === last_id) {
        onProblem(
          place,
          `it is a head of ${size} events behind one of ${tree.size}: an earlier head was put there again`,
        )
        continue
      }
      if (previous !== last_id)
        onProblem(place, 'it does not follow the head before it: at least one head is missing')
      const is_proved = isGrownBy(tree, head)
      if (!is_proved && previous === last_id)
        onProblem(place, 'the leaves that are stored with it are not those that it signs')
      onHead(place, head.head, is_proved)
      yield* leavesBetween(tree.size, head, is_proved || previous !== last_id, end_seq)
      tree = head.tree
      last_id = idOf(head.head)
    }
  }

  return {
    next: async () => {
      held ??= await nextHead()
      if (held === undefined) return undefined
      const { line } = held.head.head
      return { line, pages: pagesOf(line) }
    },
  }
}
