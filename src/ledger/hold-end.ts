/**
 * How a hold ended: told from the events of its account after the one that made it.
 */

import type { Amount } from './amount.js'
import type { LedgerEvent } from './event-body.js'

/**
 * What became of a hold that is not open: by which transaction it ended (absent for one that expired), and when (RFC 3339).
 * These are the names of the fields in answers.
 */
export type HoldEnd = {
  readonly hold_was: 'captured' | 'released' | 'expired' | 'never_made'
  readonly ended_by?: string
  readonly ended_at?: string
}

export const NEVER_MADE: HoldEnd = { hold_was: 'never_made' }

/** The end of a hold whose time was over. */
export const expiredAt = (expires_ms: number): HoldEnd => ({
  hold_was: 'expired',
  ended_at: new Date(expires_ms).toISOString(),
})

/** A hold as it was made. */
export type MadeHold = { readonly id: string; readonly amount: Amount; readonly expires_ms: number }

/** An event that counted, and when it was stored (RFC 3339). */
export type LaterEvent = { readonly event: LedgerEvent; readonly at: string }

/** What is left of a hold's amount after an event that names it. */
const leftAfter = (event: LedgerEvent, left: bigint): bigint => {
  if (event.type === 'debit') return event.final === false ? left - event.amount : 0n
  return event.type === 'release' && event.amount !== undefined ? left - event.amount : 0n
}

/**
 * The end of `hold` by the events of its account that counted after it, in the order of the stream; undefined when none of
 * them ends it.
 */
export const endOfHold = (hold: MadeHold, later: Iterable<LaterEvent>): HoldEnd | undefined => {
  let left: bigint = hold.amount
  for (const { event, at } of later) {
    if (!('hold' in event) || event.hold !== hold.id) continue
    if (event.type === 'release' && event.expired === true) return expiredAt(hold.expires_ms)
    left = leftAfter(event, left)
    if (left > 0n) continue
    const ended_by = event.transaction_id === undefined ? {} : { ended_by: event.transaction_id }
    return { hold_was: event.type === 'debit' ? 'captured' : 'released', ...ended_by, ended_at: at }
  }
  return undefined
}
