/**
 * Runs the reads of one customer one after the other, and lets callers share a read.
 *
 * When two reads overlap, nothing tells which of their results is the newer. A caller that accepts any read joins the one
 * that is running; a caller that needs a read that begins after its call shares the next one.
 */

import type { AccountId } from '../../ledger/account-id.js'

export type Turns<A> = {
  /** The result of the running read, or of one that begins now. */
  readonly any: (id: AccountId, read: () => Promise<A>) => Promise<A>
  /** The result of a read that begins after this call. */
  readonly later: (id: AccountId, read: () => Promise<A>) => Promise<A>
}

type Turn<A> = { readonly now: Promise<A>; next: Promise<A> | undefined }

/** Reads must not reject. */
export const createTurns = <A>(): Turns<A> => {
  const turns = new Map<AccountId, Turn<A>>()

  const begin = (id: AccountId, read: () => Promise<A>): Promise<A> => {
    const turn: Turn<A> = { now: read(), next: undefined }
    turns.set(id, turn)
    void turn.now.then(() => {
      if (turn.next === undefined) turns.delete(id)
    })
    return turn.now
  }

  return {
    any: (id, read) => turns.get(id)?.now ?? begin(id, read),
    later: (id, read) => {
      const turn = turns.get(id)
      if (turn === undefined) return begin(id, read)
      turn.next ??= turn.now.then(() => begin(id, read))
      return turn.next
    },
  }
}
