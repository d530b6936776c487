/**
 * Keeps the newest events of all customers, up to a bounded number: they complete an item that was read from the table.
 *
 * Only the parts of an event that the fold needs are kept, so that its size does not depend on its publisher.
 */

import type { EventPlace } from '../../ledger/account.js'
import type { AccountId } from '../../ledger/account-id.js'
import type { Decoded } from '../../ledger/event.js'

type RecentEvent = EventPlace & {
  readonly decoded: Decoded
  /** The next event of the same customer. */
  next: RecentEvent | undefined
}

export type RecentEvents = {
  readonly push: (id: AccountId, stored: EventPlace, decoded: Decoded) => void
  /** The oldest event of a customer; the others follow by `next`. */
  readonly first: (id: AccountId) => RecentEvent | undefined
  /** Every event that was pushed with a sequence above this one is here. */
  readonly complete_from: () => number
  /** Forgets every event; the next one that is pushed comes after `position`. */
  readonly clear: (position: number) => void
}

type Chain = { first: RecentEvent; last: RecentEvent }

/** Keeps at most `events_max` events (at least 1); one more makes it forget the oldest. */
export const createRecentEvents = (events_max: number): RecentEvents => {
  const chains = new Map<AccountId, Chain>()
  /** The customers of the events, in stream order: a ring, so that no element is ever moved. */
  const order: AccountId[] = []
  let oldest = 0
  let complete_from = 0

  const forgetOldestOf = (id: AccountId): void => {
    const chain = chains.get(id)
    if (chain === undefined) return
    complete_from = chain.first.seq
    if (chain.first.next === undefined) chains.delete(id)
    else chain.first = chain.first.next
  }

  const append = (id: AccountId, event: RecentEvent): void => {
    const chain = chains.get(id)
    if (chain === undefined) chains.set(id, { first: event, last: event })
    else {
      chain.last.next = event
      chain.last = event
    }
  }

  return {
    push: (id, { seq, at }, decoded) => {
      const forgotten = order[oldest]
      if (order.length < events_max) order.push(id)
      else if (forgotten !== undefined) {
        forgetOldestOf(forgotten)
        order[oldest] = id
        oldest = (oldest + 1) % events_max
      }
      append(id, { seq, at, decoded, next: undefined })
    },
    first: id => chains.get(id)?.first,
    complete_from: () => complete_from,
    clear: position => {
      chains.clear()
      order.length = 0
      oldest = 0
      complete_from = position
    },
  }
}
