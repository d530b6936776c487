/**
 * One step of folding a customer's subject: takes the messages in stream order, valid or not, and gives the next state.
 */

import { E } from '../fp.js'
import { type Account, type EventPlace, OPENING, type Rejection } from './account.js'
import { apply } from './apply.js'
import { claimedAfter, type Decoded, type LedgerEvent } from './event.js'
import { rulesDigest } from './rules-text.js'
import { NO_SKIPS, type Skip, type Skips } from './skip.js'

/**
 * A customer that waits for a program that knows a newer schema. `seq` is the first event of that schema. `last_seq` is the
 * last event that was left out since then: by it, the program that resumes the customer can prove that it missed none.
 */
export type Parked = { readonly seq: number; readonly schema: number; readonly last_seq: number }

export type Customer = { readonly account: Account; readonly parked?: Parked }

export const NEW_CUSTOMER: Customer = { account: OPENING }

export type DeadReason = 'MALFORMED' | 'SKIPPED' | Rejection['code']

export type Step =
  /** The event counts; `mismatch` when its writer claimed another result. */
  | { readonly tag: 'applied'; readonly customer: Customer; readonly mismatch: boolean }
  /** The event never counts, in any fold; it becomes a dead letter. */
  | { readonly tag: 'dead'; readonly reason: DeadReason; readonly detail: string }
  /**
   * This program does not understand the event, so the customer waits. With `skip`, the event is the decision that lets
   * the customer continue: its subject has to be folded again from the event at which it waits, without that event.
   */
  | { readonly tag: 'parked'; readonly customer: Customer; readonly skip?: Skip }
  /** A decision to skip an event: it changes no account itself. */
  | { readonly tag: 'decision'; readonly skip: Skip }
  /** The state already includes the event (a redelivery). */
  | { readonly tag: 'seen' }

const isMismatch = (event: LedgerEvent, { balance, version, rules }: Account): boolean => {
  if (event.after === undefined) return false
  const claimed = claimedAfter(event)
  if (claimed?.balance !== balance || claimed.version !== version) return true
  return claimed.rules !== undefined && claimed.rules !== rulesDigest(rules)
}

const detailOf = ({ balance, amount, available, remaining, state, reason }: Rejection): string => {
  const asked = amount === undefined ? '' : `amount ${amount} against `
  const left = remaining === undefined ? '' : `, of which the hold has ${remaining} left`
  const free = available === undefined ? '' : `, of which ${available} is available`
  const restriction = state === undefined ? '' : `; the account is ${state}: ${reason}`
  return `${asked}a balance of ${balance}${left}${free}${restriction}`
}

const rejectedStep = (rejection: Rejection): Step => ({
  tag: 'dead',
  reason: rejection.code,
  detail: detailOf(rejection),
})

/** The step of a parked customer: the event is left out, unless it is the decision that the customer waits for. */
const stepWhileParked = (account: Account, parked: Parked, seq: number, decoded: Decoded): Step => {
  const last_seq = Math.max(parked.last_seq, seq)
  const customer = { account, parked: { ...parked, last_seq } }
  // also for a redelivery: the program may have ended before it folded the customer again
  if (decoded.tag === 'skip' && decoded.skip.seq === parked.seq && seq > parked.seq)
    return { tag: 'parked', customer, skip: decoded.skip }
  return seq <= parked.last_seq ? { tag: 'seen' } : { tag: 'parked', customer }
}

/**
 * Folds an event, which is stored at a place and a time, into the customer's state. It is total and pure. Sequences have to be given in ascending order. An event of an unknown newer schema is skipped if `skips` holds a decision about it.
 */
export const step = (
  customer: Customer,
  stored: EventPlace,
  decoded: Decoded,
  skips: Skips = NO_SKIPS,
): Step => {
  const { account, parked } = customer
  const { seq } = stored
  if (seq <= account.seq) return { tag: 'seen' }
  if (parked !== undefined) return stepWhileParked(account, parked, seq, decoded)
  switch (decoded.tag) {
    case 'future': {
      const skip = skips.get(seq)
      if (skip !== undefined)
        return {
          tag: 'dead',
          reason: 'SKIPPED',
          detail: `schema ${decoded.schema}, by ${skip.by}: ${skip.reason}`,
        }
      return { tag: 'parked', customer: { account, parked: { seq, schema: decoded.schema, last_seq: seq } } }
    }
    case 'skip':
      return { tag: 'decision', skip: decoded.skip }
    case 'malformed':
      return { tag: 'dead', reason: 'MALFORMED', detail: decoded.reason }
    case 'event': {
      const next = apply(account, decoded.event, stored)
      return E.isLeft(next)
        ? rejectedStep(next.left)
        : {
            tag: 'applied',
            customer: { account: next.right },
            mismatch: isMismatch(decoded.event, next.right),
          }
    }
  }
}
