/**
 * The hot set: a bounded number of customers in memory, kept current by the stream's events. It is a pure and synchronous
 * state machine, whose inputs are the events of the follower and the reads of a loader (docs/adr/0017).
 *
 * Two things hold after every input, whatever the order of the inputs:
 * 1. A customer in memory is the fold of every event of its subject up to `position`, or up to a later one.
 * 2. An answer about a customer is never older than an earlier answer about the same customer.
 */

import type { Account, EventPlace } from '../../ledger/account.js'
import type { AccountId } from '../../ledger/account-id.js'
import type { Decoded } from '../../ledger/event.js'
import { type Customer, step } from '../../ledger/fold.js'
import { createRecentEvents } from './recent-events.js'

export type HotCustomer<R> = {
  /** The account as it stands now: the customer's next event replaces it. */
  account: Account
  /** A value that was made from `account`, to be used again; removed when `account` changes. */
  made: R | undefined
  /** Set by every answer from this customer: a used customer stays longer. */
  used: boolean
}

export type HotSetOptions = {
  /** The largest number of customers. 0 keeps none, and a loaded customer is completed all the same. */
  readonly customers_max: number
  /** The largest lag of a table, in events, that memory can still make up for. */
  readonly recent_events_max: number
}

export type HotSet<R> = {
  readonly get: (id: AccountId) => HotCustomer<R> | undefined
  /**
   * Takes the stream's next event; `id` is undefined when its subject belongs to no customer. Gives the customer when it
   * is in memory and changed. Throws when the event is not a later one: the caller has lost its place.
   */
  readonly follow: (
    stored: EventPlace,
    id: AccountId | undefined,
    decoded: Decoded,
  ) => HotCustomer<R> | undefined
  /**
   * Takes a customer that was read from some source, with at least every event of it up to `complete_to`. Gives the
   * customer as of now; undefined when that cannot be proved, or would be older than an earlier answer: then another
   * source must be read. Reads of one customer must not overlap, because the hot set cannot tell which of two states of a
   * parked customer is the newer.
   */
  readonly load: (id: AccountId, customer: Customer, complete_to: number) => Customer | undefined
  /** The sequence up to which the stream was followed. */
  readonly position: () => number
  readonly size: () => number
  /** Forgets every customer, because the table that they were loaded from is not trusted any more. */
  readonly forget: () => void
  /** Forgets everything; the next event comes after `position`, which may be lower in another stream. */
  readonly restart: (position: number) => void
}

/** The largest number of customers that get a second chance when one is added: a bound on the work of adding one. */
const SECOND_CHANCES_MAX = 8

/** The sequence of the last event that a customer's state takes note of, a parked one's included. */
export const lastSeqOf = ({ account, parked }: Customer): number => parked?.last_seq ?? account.seq

/** A hot set that knows nothing yet, at position 0. */
export const createHotSet = <R>({ customers_max, recent_events_max }: HotSetOptions): HotSet<R> => {
  const customers = new Map<AccountId, HotCustomer<R>>()
  const recent = createRecentEvents(recent_events_max)
  let position = 0
  /** Customers that have left the memory were answered with states up to this sequence: no older answer may follow. */
  let given_to = 0

  const drop = (id: AccountId, { account }: Pick<HotCustomer<R>, 'account'>): void => {
    customers.delete(id)
    given_to = Math.max(given_to, account.seq)
  }

  const forget = (): void => {
    for (const [id, hot] of customers) drop(id, hot)
  }

  const makeRoom = (): void => {
    let chances = 0
    for (const [id, hot] of customers) {
      if (customers.size <= customers_max) return
      if (hot.used && chances < SECOND_CHANCES_MAX) {
        chances += 1
        hot.used = false
        customers.delete(id)
        customers.set(id, hot)
      } else drop(id, hot)
    }
  }

  /** A customer with its events after `read_to`; undefined when one is a decision: then only the whole subject tells. */
  const completeByRecent = (id: AccountId, customer: Customer, read_to: number): Customer | undefined => {
    let now = customer
    for (const event of recent.after(id, read_to)) {
      const next = step(now, event, event.decoded)
      if (next.tag === 'parked' && next.skip !== undefined) return undefined
      if (next.tag === 'applied' || next.tag === 'parked') now = next.customer
    }
    return now
  }

  return {
    get: id => customers.get(id),
    position: () => position,
    size: () => customers.size,
    forget,

    follow: (stored, id, decoded) => {
      const { seq } = stored
      if (seq <= position) throw new Error(`event ${seq} after ${position}: the follower has lost its place`)
      position = seq
      if (id === undefined) return undefined
      recent.push(id, stored, decoded)
      const hot = customers.get(id)
      if (hot === undefined) return undefined
      const next = step({ account: hot.account }, stored, decoded)
      // a program that knows the event's schema may have gone on already: only the table tells
      if (next.tag === 'parked') drop(id, hot)
      if (next.tag !== 'applied') return undefined
      hot.account = next.customer.account
      hot.made = undefined
      return hot
    },

    load: (id, customer, complete_to) => {
      const read_to = Math.max(complete_to, lastSeqOf(customer))
      if (read_to < recent.complete_from()) return undefined
      if (Math.max(read_to, position) < given_to) return undefined
      const now = completeByRecent(id, customer, read_to)
      if (now === undefined) return undefined
      const hot = customers.get(id)
      if (hot !== undefined && hot.account.seq >= now.account.seq) return { account: hot.account }
      if (now.parked !== undefined) {
        drop(id, now)
        return now
      }
      customers.set(id, { account: now.account, made: undefined, used: false })
      makeRoom()
      return now
    },

    restart: to => {
      forget()
      if (to < position) given_to = 0
      position = to
      recent.clear(to)
    },
  }
}
