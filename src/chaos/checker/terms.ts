/**
 * The checker's own law of accounts with holds, a credit limit or a restriction (docs/adr/0051), and the text in which an item
 * keeps them.
 */

import { createHash } from 'node:crypto'
import type { Event } from './event.js'

type Hold = { readonly id: string; readonly amount: bigint; readonly expires_ms: number }
type Restriction = { readonly state: string; readonly reason: string; readonly until_ms: number | undefined }

/** What an account has beside its balance. `time_ms` is 0 while nothing of it ends by itself. */
export type Terms = {
  readonly time_ms: number
  readonly holds: readonly Hold[]
  readonly limit: bigint
  readonly restriction: Restriction | undefined
}

/** The reason why an event has no effect. */
export type Refused =
  | 'INSUFFICIENT_FUNDS'
  | 'BALANCE_LIMIT'
  | 'HOLD_EXISTS'
  | 'HOLD_NOT_OPEN'
  | 'HOLD_EXCEEDED'
  | 'LIMIT_REACHED'
  | 'ACCOUNT_RESTRICTED'
  | 'NOT_EMPTY'
  | 'NOT_EXPIRED'

/** A balance with its terms; undefined for a plain account. `grows`: the version counts the event. */
export type Owned = { readonly balance: bigint; readonly terms: Terms | undefined; readonly grows: boolean }

const NO_TERMS: Terms = { time_ms: 0, holds: [], limit: 0n, restriction: undefined }
const INT64_MAX = 2n ** 63n - 1n
const HOLDS_MAX = 256
const MINUTE_MS = 60_000

export const heldOf = (terms: Terms | undefined): bigint =>
  (terms?.holds ?? []).reduce((sum, { amount }) => sum + amount, 0n)

/** The terms that still count at a time. */
const termsAt = (terms: Terms | undefined, time_ms: number): Terms => {
  const { holds, restriction, ...others } = terms ?? NO_TERMS
  const is_over = restriction?.until_ms !== undefined && restriction.until_ms <= time_ms
  return {
    ...others,
    holds: holds.filter(({ expires_ms }) => expires_ms > time_ms),
    restriction: is_over ? undefined : restriction,
  }
}

/** The terms as they are kept; undefined when the account is a plain one. */
const kept = (terms: Terms, time_ms: number): Terms | undefined => {
  const now = termsAt(terms, time_ms)
  const ends_by_itself = now.holds.length > 0 || now.restriction?.until_ms !== undefined
  if (!ends_by_itself && now.limit === 0n && now.restriction === undefined) return undefined
  return { ...now, time_ms: ends_by_itself ? time_ms : 0 }
}

/** What a restriction refuses. */
const CLOSED_TO: Readonly<Record<string, readonly string[]>> = {
  no_debit: ['debit', 'hold'],
  no_credit: ['credit'],
  frozen: ['credit', 'debit', 'hold', 'capture'],
  closed: ['credit', 'debit', 'hold', 'capture', 'release', 'limit'],
}

const kindOf = ({ type, hold, is_expiry }: Event): string => {
  if (type === 'debit') return hold === undefined ? 'debit' : 'capture'
  return is_expiry ? 'expiry' : type
}

/** The terms with another amount of a hold; with none, the hold has ended. */
const withHold = (terms: Terms, hold: Hold, amount: bigint): Terms => {
  const holds = terms.holds.map(each => (each.id === hold.id ? { ...each, amount } : each))
  return { ...terms, holds: holds.filter(each => each.amount > 0n) }
}

type Moment = { readonly balance: bigint; readonly terms: Terms; readonly event: Event }

const take = ({ balance, terms, event }: Moment): Owned | Refused => {
  const { hold: id, amount, is_final } = event
  if (id === undefined) {
    const [wanted, available] = [amount ?? 0n, balance - heldOf(terms) + terms.limit]
    return wanted > available ? 'INSUFFICIENT_FUNDS' : { balance: balance - wanted, terms, grows: true }
  }
  const hold = terms.holds.find(each => each.id === id)
  if (hold === undefined) return 'HOLD_NOT_OPEN'
  const taken = amount ?? hold.amount
  if (taken > hold.amount) return 'HOLD_EXCEEDED'
  const left = is_final ? 0n : hold.amount - taken
  return { balance: balance - taken, terms: withHold(terms, hold, left), grows: true }
}

const setAside = ({ balance, terms, event }: Moment): Owned | Refused => {
  const { transaction_id: id = '', amount = 0n, expires_ms = 0 } = event
  if (terms.holds.some(each => each.id === id)) return 'HOLD_EXISTS'
  if (terms.holds.length >= HOLDS_MAX) return 'LIMIT_REACHED'
  if (amount > balance - heldOf(terms) + terms.limit) return 'INSUFFICIENT_FUNDS'
  if (heldOf(terms) + amount > INT64_MAX) return 'BALANCE_LIMIT'
  return { balance, terms: { ...terms, holds: [...terms.holds, { id, amount, expires_ms }] }, grows: true }
}

const giveBack = ({ balance, terms, event }: Moment): Owned | Refused => {
  const hold = terms.holds.find(({ id }) => id === event.hold)
  if (hold === undefined) return 'HOLD_NOT_OPEN'
  const given = event.amount ?? hold.amount
  if (given > hold.amount) return 'HOLD_EXCEEDED'
  return { balance, terms: withHold(terms, hold, hold.amount - given), grows: true }
}

const restrict = ({ balance, terms, event }: Moment): Owned | Refused => {
  const { state = 'active', reason = '', until_ms } = event
  if (state === 'closed' && (balance !== 0n || terms.holds.length > 0)) return 'NOT_EMPTY'
  const restriction = state === 'active' ? undefined : { state, reason, until_ms }
  return { balance, terms: { ...terms, restriction }, grows: true }
}

const change = (moment: Moment, before: Terms | undefined): Owned | Refused => {
  const { balance, terms, event } = moment
  const kind = kindOf(event)
  if (CLOSED_TO[terms.restriction?.state ?? '']?.includes(kind)) return 'ACCOUNT_RESTRICTED'
  switch (kind) {
    case 'credit': {
      const after = balance + (event.amount ?? 0n)
      return after > INT64_MAX ? 'BALANCE_LIMIT' : { balance: after, terms, grows: true }
    }
    case 'debit':
    case 'capture':
      return take(moment)
    case 'hold':
      return setAside(moment)
    case 'release':
      return giveBack(moment)
    case 'expiry':
      if (terms.holds.some(({ id }) => id === event.hold)) return 'NOT_EXPIRED'
      return { balance, terms, grows: before?.holds.some(({ id }) => id === event.hold) ?? false }
    case 'limit':
      return { balance, terms: { ...terms, limit: event.limit ?? 0n }, grows: true }
    case 'state':
      return restrict(moment)
    default:
      return { balance, terms, grows: false }
  }
}

/** The time of an event: what its writer claims, as far as it is within a minute of the time at which it was stored. */
export const timeOf = ({ at_ms }: Pick<Event, 'at_ms'>, stored_ms: number): number =>
  Math.max(stored_ms - MINUTE_MS, Math.min(stored_ms + MINUTE_MS, at_ms ?? stored_ms))

/** What is owned after an event of a time, or why the event has no effect. */
export const judgeTerms = (
  { balance, terms: before }: Pick<Owned, 'balance' | 'terms'>,
  event: Event,
  event_ms: number,
): Owned | Refused => {
  const time_ms = Math.max(before?.time_ms ?? 0, event_ms)
  const changed = change({ balance, terms: termsAt(before, time_ms), event }, before)
  if (typeof changed === 'string') return changed
  return { ...changed, terms: changed.terms && kept(changed.terms, time_ms) }
}

const RADIX = 36

/** The text in which an item keeps the terms. */
export const termsText = ({ time_ms, holds, limit, restriction }: Terms): string => {
  const { state = '-', reason, until_ms = '-' } = restriction ?? {}
  const why = reason === undefined ? '-' : JSON.stringify(reason)
  const lines = holds.map(
    ({ id, amount, expires_ms }) => `${id} ${amount.toString(RADIX)} ${expires_ms.toString(RADIX)}`,
  )
  return [`${time_ms} ${limit} ${state} ${until_ms} ${why}`, ...lines].join('\n')
}

const DIGEST_CHARS = 16

/** The digest of the terms that an event states (`after.rules`); undefined for a plain account. */
export const digestOf = (terms: Terms | undefined): string | undefined =>
  terms && createHash('sha256').update(termsText(terms)).digest('hex').slice(0, DIGEST_CHARS)
