/**
 * What the clients of a run have been told so far: what they may ask about. All of it is bounded.
 */

import type { Question } from './ask.js'

/** A write that may be sent again: it carries its own id, so it counts once. */
export type Repeatable = {
  readonly question: Question
  /** What `customer.transaction` knows it by; none of an event. */
  readonly transaction_id: string | undefined
}

/** The newest state of a customer that an answer has told of. */
type Told = { readonly version: number; readonly seq: number }

/** A fixed number of things, the oldest of which make room. */
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
  readonly told: (client_id: string) => Told | undefined
  readonly tell: (client_id: string, state: Told) => void
  /** Transaction ids of commands, whatever became of them. */
  readonly ids: Ring<string>
  /** Writes that were answered, for sending them once more. */
  readonly answered: Ring<Repeatable>
}

const KEPT_MAX = 2_000

export const createMemory = (): Memory => {
  const customers = new Map<string, Told>()
  return {
    told: id => customers.get(id),
    tell: (id, state) => {
      const before = customers.get(id)
      if (before === undefined || before.seq < state.seq) customers.set(id, state)
    },
    ids: createRing(KEPT_MAX),
    answered: createRing(KEPT_MAX),
  }
}
