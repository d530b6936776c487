/**
 * Reads of one customer never overlap, and those who want the same share one.
 *
 * Of two reads that overlap nobody could tell which is the newer. Whoever is content with any read joins the one under
 * way; whoever needs one that began after asking shares the next.
 */

import type { ClientId } from '../../ledger/client-id.js'

export type Turns<A> = {
  /** The read that is under way, or one that begins now. */
  readonly any: (id: ClientId, read: () => Promise<A>) => Promise<A>
  /** A read that begins after this call. */
  readonly later: (id: ClientId, read: () => Promise<A>) => Promise<A>
}

type Turn<A> = { readonly now: Promise<A>; next: Promise<A> | undefined }

/** Reads must not reject. */
export const createTurns = <A>(): Turns<A> => {
  const turns = new Map<ClientId, Turn<A>>()

  const begin = (id: ClientId, read: () => Promise<A>): Promise<A> => {
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
