/**
 * Keeps the newest events of all customers, up to a bounded number: they complete an item that was read from the table.
 *
 * Only the parts of an event that the fold needs are kept, so that its size does not depend on its publisher. Nearly every
 * event is kept for longer than the garbage collector takes for new, and nearly none is asked for. So a plain event lies in
 * typed arrays, where the collector has nothing to copy and nothing to look at.
 */

import type { EventPlace } from '../../ledger/account.js'
import type { AccountId } from '../../ledger/account-id.js'
import type { Amount } from '../../ledger/amount.js'
import { type Decoded, isPlain } from '../../ledger/event.js'

type RecentEvent = EventPlace & { readonly decoded: Decoded }

export type RecentEvents = {
  readonly push: (id: AccountId, stored: EventPlace, decoded: Decoded) => void
  /** The events of a customer after `seq`, the oldest first. */
  readonly after: (id: AccountId, seq: number) => readonly RecentEvent[]
  /** Every event that was pushed with a sequence above this one is here. */
  readonly complete_from: () => number
  /** Forgets every event; the next one that is pushed comes after `position`. */
  readonly clear: (position: number) => void
}

/** A customer with events, and the slots of its oldest and its newest one. */
type Chain = { readonly id: AccountId; first: number; last: number }

const NONE = -1
/** The types of plain events (`isPlain`); a slot has the place of its own, or `OTHER`. */
const PLAIN_TYPES = ['credit', 'debit', 'declined'] as const
const OTHER = PLAIN_TYPES.length

/** A ring of events, by slot. */
class Slots {
  readonly #seqs: Float64Array
  readonly #at_ms: Float64Array
  readonly #kinds: Uint8Array
  readonly #amounts: BigInt64Array
  /** The events that are not plain. */
  readonly #others = new Map<number, Decoded>()
  /** The slot of the customer's next event. */
  readonly next: Int32Array

  constructor(events_max: number) {
    this.#seqs = new Float64Array(events_max)
    this.#at_ms = new Float64Array(events_max)
    this.#kinds = new Uint8Array(events_max)
    this.#amounts = new BigInt64Array(events_max)
    this.next = new Int32Array(events_max)
  }

  put(slot: number, { seq, at }: EventPlace, decoded: Decoded): void {
    this.#seqs[slot] = seq
    this.#at_ms[slot] = at.getTime()
    this.next[slot] = NONE
    if (this.#kinds[slot] === OTHER) this.#others.delete(slot)
    if (decoded.tag === 'event' && isPlain(decoded.event)) {
      this.#kinds[slot] = PLAIN_TYPES.indexOf(decoded.event.type)
      this.#amounts[slot] = decoded.event.amount
    } else {
      this.#kinds[slot] = OTHER
      this.#others.set(slot, decoded)
    }
  }

  seqAt(slot: number): number {
    return this.#seqs[slot] as number
  }

  eventAt(slot: number): RecentEvent {
    const at = new Date(this.#at_ms[slot] as number)
    return { seq: this.seqAt(slot), at, decoded: this.#decodedAt(slot) }
  }

  #decodedAt(slot: number): Decoded {
    const other = this.#others.get(slot)
    if (other !== undefined) return other
    const type = PLAIN_TYPES[this.#kinds[slot] as number] as (typeof PLAIN_TYPES)[number]
    return { tag: 'event', event: { type, amount: this.#amounts[slot] as Amount } }
  }
}

/** Keeps at most `events_max` events (at least 1); one more makes it forget the oldest. */
export const createRecentEvents = (events_max: number): RecentEvents => {
  const slots = new Slots(events_max)
  const chains = new Map<AccountId, Chain>()
  /** The customer of each slot, so that an event keeps no id of its own. */
  const owners: Chain[] = []
  let next_slot = 0
  let complete_from = 0

  const forget = (slot: number): void => {
    const chain = owners[slot]
    if (chain === undefined) return
    complete_from = slots.seqAt(slot)
    chain.first = slots.next[slot] ?? NONE
    if (chain.first === NONE) chains.delete(chain.id)
  }

  const append = (id: AccountId, slot: number): Chain => {
    const chain = chains.get(id)
    if (chain === undefined) {
      const made = { id, first: slot, last: slot }
      chains.set(id, made)
      return made
    }
    slots.next[chain.last] = slot
    chain.last = slot
    return chain
  }

  return {
    push: (id, stored, decoded) => {
      const slot = next_slot
      next_slot = (next_slot + 1) % events_max
      // once the ring is full, its oldest event lies in the slot of the next one
      forget(slot)
      slots.put(slot, stored, decoded)
      owners[slot] = append(id, slot)
    },
    after: (id, seq) => {
      const events: RecentEvent[] = []
      for (let slot = chains.get(id)?.first ?? NONE; slot !== NONE; slot = slots.next[slot] ?? NONE)
        if (slots.seqAt(slot) > seq) events.push(slots.eventAt(slot))
      return events
    },
    complete_from: () => complete_from,
    clear: position => {
      chains.clear()
      owners.length = 0
      next_slot = 0
      complete_from = position
    },
  }
}
