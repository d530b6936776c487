/**
 * One step of folding a customer's subject: whatever arrived, in stream order, to the customer's next state.
 */

import { E } from '../fp.js'
import { type Account, apply, OPENING, type Rejection } from './account.js'
import { claimedAfter, type Decoded, type LedgerEvent } from './event.js'
import { NO_SKIPS, type Skip, type Skips } from './skip.js'

/**
 * Where a customer waits for a program that knows a newer schema: at the first event of it, `seq`. `last_seq` is the
 * last event that was left out since: who takes the customer up again can prove by it that none came in between.
 */
export type Parked = { readonly seq: number; readonly schema: number; readonly last_seq: number }

export type Customer = { readonly account: Account; readonly parked?: Parked }

export const NEW_CUSTOMER: Customer = { account: OPENING }

export type DeadReason = 'MALFORMED' | 'SKIPPED' | Rejection['code']

export type Step =
  /** The event counts; `mismatch` when its writer claimed another result. */
  | { readonly tag: 'applied'; readonly customer: Customer; readonly mismatch: boolean }
  /** It never counts, for anybody; its place is among the dead letters. */
  | { readonly tag: 'dead'; readonly reason: DeadReason; readonly detail: string }
  /**
   * It cannot be judged by this program: the customer stays where it is. With `skip` it is the decision that lets the
   * customer go on: its subject has to be folded again, from the event that it waits at, with that one skipped.
   */
  | { readonly tag: 'parked'; readonly customer: Customer; readonly skip?: Skip }
  /** A decision about a parked event: it moves no account itself. */
  | { readonly tag: 'decision'; readonly skip: Skip }
  /** It is in the state already (a redelivery). */
  | { readonly tag: 'seen' }

const isMismatch = (event: LedgerEvent, { balance, version }: Account): boolean => {
  if (event.after === undefined) return false
  const claimed = claimedAfter(event)
  return claimed?.balance !== balance || claimed.version !== version
}

const rejected = ({ code, balance, amount }: Rejection): Step => ({
  tag: 'dead',
  reason: code,
  detail: `amount ${amount} against a balance of ${balance}`,
})

/** An event of a customer that is parked: it is left out, unless it is the decision that the customer waits for. */
const leftOut = (account: Account, parked: Parked, seq: number, decoded: Decoded): Step => {
  const last_seq = Math.max(parked.last_seq, seq)
  const customer = { account, parked: { ...parked, last_seq } }
  // also when it comes again: whoever was to fold the customer anew may not have got to it
  if (decoded.tag === 'skip' && decoded.skip.seq === parked.seq && seq > parked.seq)
    return { tag: 'parked', customer, skip: decoded.skip }
  return seq <= parked.last_seq ? { tag: 'seen' } : { tag: 'parked', customer }
}

/**
 * Folds the event at stream sequence `seq`. Total and pure; sequences have to be given in ascending order. An event of
 * the future about which `skips` holds a decision is passed over.
 */
export const step = (customer: Customer, seq: number, decoded: Decoded, skips: Skips = NO_SKIPS): Step => {
  const { account, parked } = customer
  if (seq <= account.seq) return { tag: 'seen' }
  if (parked !== undefined) return leftOut(account, parked, seq, decoded)
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
      const next = apply(account, decoded.event, seq)
      return E.isLeft(next)
        ? rejected(next.left)
        : {
            tag: 'applied',
            customer: { account: next.right },
            mismatch: isMismatch(decoded.event, next.right),
          }
    }
  }
}
