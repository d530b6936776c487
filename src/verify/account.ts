/**
 * What an event does to a customer that has holds, a limit or a restriction: the second opinion, written from
 * docs/adr/0048 alone. Times are milliseconds since 1970, by the stream's clock.
 */

import type { ReadEvent } from './event.js'
import { LARGEST } from './values.js'

type State = NonNullable<ReadEvent['state']>

/** What remains of a hold, and the time from which on it is gone. */
type Open = { readonly amount: bigint; readonly expires_ms: number }

/** What a customer has beyond a balance. A customer without any of it has no terms. */
export type Terms = {
  /** The customer's own time; 0 while nothing depends on it. */
  readonly time_ms: number
  readonly limit: bigint
  readonly state: State
  readonly reason: string | undefined
  readonly until_ms: number | undefined
  /** The open holds by their ids, in the order in which they were made. */
  readonly holds: ReadonlyMap<string, Open>
}

/** A customer's balance, version and terms. */
export type Possession = {
  readonly balance: bigint
  readonly version: number
  readonly terms?: Terms | undefined
}

export type TermsRefusal =
  | 'INSUFFICIENT_FUNDS'
  | 'BALANCE_LIMIT'
  | 'HOLD_EXISTS'
  | 'HOLD_NOT_OPEN'
  | 'HOLD_EXCEEDED'
  | 'NOT_EXPIRED'
  | 'ACCOUNT_RESTRICTED'
  | 'NOT_EMPTY'
  | 'LIMIT_REACHED'

const NO_TERMS: Terms = {
  time_ms: 0,
  limit: 0n,
  state: 'active',
  reason: undefined,
  until_ms: undefined,
  holds: new Map(),
}
const HOLDS_MAX = 256
const MINUTE_MS = 60_000

type Kind = 'credit' | 'debit' | 'hold' | 'capture' | 'release' | 'expiry' | 'limit' | 'state' | 'declined'

/** The kinds of events that a customer takes in each state: the table of docs/adr/0048. */
const TAKEN: Readonly<Record<State, readonly Kind[]>> = {
  active: ['credit', 'debit', 'hold', 'capture', 'release', 'limit', 'state', 'expiry', 'declined'],
  no_debit: ['credit', 'capture', 'release', 'limit', 'state', 'expiry', 'declined'],
  no_credit: ['debit', 'hold', 'capture', 'release', 'limit', 'state', 'expiry', 'declined'],
  frozen: ['release', 'limit', 'state', 'expiry', 'declined'],
  closed: ['state', 'expiry', 'declined'],
}

const kindOf = ({ type, hold, expired }: ReadEvent): Kind => {
  if (type === 'debit' && hold !== undefined) return 'capture'
  return type === 'release' && expired === true ? 'expiry' : type
}

/** The sum of the open holds. */
export const heldOf = (terms: Terms | undefined): bigint => {
  let held = 0n
  for (const { amount } of terms?.holds.values() ?? []) held += amount
  return held
}

const clamped = (at_ms: number, stored_ms: number): number => {
  if (at_ms < stored_ms - MINUTE_MS) return stored_ms - MINUTE_MS
  return at_ms > stored_ms + MINUTE_MS ? stored_ms + MINUTE_MS : at_ms
}

/** The terms that still count at a time. */
const standing = (terms: Terms, time_ms: number): Terms => {
  const holds = new Map([...terms.holds].filter(([, { expires_ms }]) => time_ms < expires_ms))
  const is_over = terms.until_ms !== undefined && time_ms >= terms.until_ms
  return { ...terms, ...(is_over ? FREE : {}), holds }
}

const FREE = { state: 'active', reason: undefined, until_ms: undefined } as const

/** The terms as they are kept after an event at a time; undefined when there are none left. */
const remaining = (all: Terms, time_ms: number): Terms | undefined => {
  const terms = standing(all, time_ms)
  const depends_on_time = terms.holds.size > 0 || terms.until_ms !== undefined
  if (!depends_on_time && terms.limit === 0n && terms.state === 'active') return undefined
  return { ...terms, time_ms: depends_on_time ? time_ms : 0 }
}

const withHold = (terms: Terms, id: string, open: Open | undefined): Terms => {
  const holds = new Map(terms.holds)
  if (open === undefined || open.amount === 0n) holds.delete(id)
  else holds.set(id, open)
  return { ...terms, holds }
}

/** The reason why a hold cannot give an amount; undefined when it can. */
const notGiven = (open: Open | undefined, amount: bigint): TermsRefusal | undefined => {
  if (open === undefined) return 'HOLD_NOT_OPEN'
  return amount > open.amount ? 'HOLD_EXCEEDED' : undefined
}

/** A change: the new balance and terms, or nothing that anybody sees, or the reason why there is none. */
type Change = { readonly balance: bigint; readonly terms: Terms } | 'nothing' | TermsRefusal

/** What a customer has at the moment of an event: `terms` are those that still count. */
type Moment = { readonly balance: bigint; readonly terms: Terms; readonly event: ReadEvent }

const afterCredit = ({ balance, terms, event: { amount = 0n } }: Moment): Change =>
  balance + amount > LARGEST ? 'BALANCE_LIMIT' : { balance: balance + amount, terms }

const isAvailable = ({ balance, terms, event: { amount = 0n } }: Moment): boolean =>
  balance + terms.limit >= heldOf(terms) + amount

const afterDebit = (moment: Moment): Change => {
  const { balance, terms, event } = moment
  return isAvailable(moment) ? { balance: balance - (event.amount ?? 0n), terms } : 'INSUFFICIENT_FUNDS'
}

const afterHold = (moment: Moment): Change => {
  const { balance, terms, event } = moment
  const { transaction_id: id = '', amount = 0n, expires_ms = 0 } = event
  if (terms.holds.has(id)) return 'HOLD_EXISTS'
  if (terms.holds.size >= HOLDS_MAX) return 'LIMIT_REACHED'
  if (!isAvailable(moment)) return 'INSUFFICIENT_FUNDS'
  if (heldOf(terms) + amount > LARGEST) return 'BALANCE_LIMIT'
  return { balance, terms: withHold(terms, id, { amount, expires_ms }) }
}

const afterCapture = ({ balance, terms, event }: Moment): Change => {
  const { hold: id = '', amount = 0n, final } = event
  const open = terms.holds.get(id)
  const left = open !== undefined && final === false ? { ...open, amount: open.amount - amount } : undefined
  return notGiven(open, amount) ?? { balance: balance - amount, terms: withHold(terms, id, left) }
}

const afterRelease = ({ balance, terms, event }: Moment): Change => {
  const { hold: id = '', amount } = event
  const open = terms.holds.get(id)
  const left = open && amount !== undefined ? { ...open, amount: open.amount - amount } : undefined
  return notGiven(open, amount ?? 0n) ?? { balance, terms: withHold(terms, id, left) }
}

/** The sweeper's event. `kept` are the terms as the last event left them, with the holds that have expired since. */
const afterExpiry = ({ balance, terms, event: { hold: id = '' } }: Moment, kept: Terms): Change => {
  if (terms.holds.has(id)) return 'NOT_EXPIRED'
  return kept.holds.has(id) ? { balance, terms } : 'nothing'
}

const afterState = ({ balance, terms, event: { state = 'active', reason, until_ms } }: Moment): Change => {
  if (state === 'active') return { balance, terms: { ...terms, ...FREE } }
  if (state === 'closed' && (balance !== 0n || terms.holds.size > 0)) return 'NOT_EMPTY'
  return { balance, terms: { ...terms, state, reason, until_ms } }
}

const changeOf = (moment: Moment, kept: Terms): Change => {
  const { balance, terms, event } = moment
  const kind = kindOf(event)
  if (!TAKEN[terms.state].includes(kind)) return 'ACCOUNT_RESTRICTED'
  switch (kind) {
    case 'credit':
      return afterCredit(moment)
    case 'debit':
      return afterDebit(moment)
    case 'hold':
      return afterHold(moment)
    case 'capture':
      return afterCapture(moment)
    case 'release':
      return afterRelease(moment)
    case 'expiry':
      return afterExpiry(moment, kept)
    case 'limit':
      return { balance, terms: { ...terms, limit: event.limit ?? 0n } }
    case 'state':
      return afterState(moment)
    case 'declined':
      return 'nothing'
  }
}

/** What a customer has after an event that was stored at a time, or the reason why the event is refused. */
export const judge = (before: Possession, event: ReadEvent, stored_ms: number): Possession | TermsRefusal => {
  const { balance, version, terms: kept = NO_TERMS } = before
  const time_ms = Math.max(kept.time_ms, clamped(event.at_ms ?? stored_ms, stored_ms))
  const terms = standing(kept, time_ms)
  const change = changeOf({ balance, terms, event }, kept)
  if (change === 'nothing') return { balance, version, terms: remaining(terms, time_ms) }
  if (typeof change === 'string') return change
  return { balance: change.balance, version: version + 1, terms: remaining(change.terms, time_ms) }
}
