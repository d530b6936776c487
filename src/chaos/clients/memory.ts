/**
 * Remembers what the clients of a run were told, so that they can ask about it. Each list of it has a fixed size.
 */

import type { CallRequest } from './ask.js'

/** A write that may be sent again: it carries an id of its own, so it counts once. */
export type Repeatable = {
  readonly question: CallRequest
  /** The id for `customer.transaction`; undefined for a published event. */
  readonly transaction_id: string | undefined
}

/** The newest state of a customer in the answers so far. */
type KnownState = { readonly version: number; readonly seq: number }

/** A list of a fixed size, in which a new element replaces the oldest one. */
export type Ring<A> = { readonly add: (one: A) => void; readonly all: () => readonly A[] }

export const createRing = <A>(size_max: number): Ring<A> => {
  const kept: A[] = []
  let next = 0
  return {
    add: one => {
      kept[next] = one
      next = (next + 1) % size_max
    },
    all: () => kept,
  }
}

export type Memory = {
  readonly stateOf: (client_id: string) => KnownState | undefined
  readonly learnState: (client_id: string, state: KnownState) => void
  /** Transaction ids of sent commands, with any outcome. */
  readonly ids: Ring<string>
  /** Answered writes, which may be sent once more. */
  readonly answered: Ring<Repeatable>
}

const KEPT_MAX = 2_000

export const createMemory = (): Memory => {
  const customers = new Map<string, KnownState>()
  return {
    stateOf: id => customers.get(id),
    learnState: (id, state) => {
      const before = customers.get(id)
      if (before === undefined || before.seq < state.seq) customers.set(id, state)
    },
    ids: createRing(KEPT_MAX),
    answered: createRing(KEPT_MAX),
  }
}
