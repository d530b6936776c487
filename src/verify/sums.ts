/**
 * Computes the totals that the stream gives, in all and per UTC day.
 */

import { heldOf, type Possession } from './account.js'
import type { ReadEvent } from './event.js'
import type { Step } from './walk.js'

export const SUM_FIELDS = [
  'customers',
  'balance',
  'held',
  'restricted',
  'credits',
  'credited',
  'debits',
  'debited',
  'declined',
] as const
export type SumField = (typeof SUM_FIELDS)[number]
export type Sum = Readonly<Record<SumField, bigint>>

export const ZERO: Sum = {
  customers: 0n,
  balance: 0n,
  held: 0n,
  restricted: 0n,
  credits: 0n,
  credited: 0n,
  debits: 0n,
  debited: 0n,
  declined: 0n,
}

/** The fields that only ever grow: a later reading is never lower. */
export const GROWING: readonly SumField[] = SUM_FIELDS.filter(
  field => !['balance', 'held', 'restricted'].includes(field),
)

const each = (of: (field: SumField) => bigint): Sum =>
  Object.fromEntries(SUM_FIELDS.map(field => [field, of(field)])) as Record<SumField, bigint>

export const plus = (a: Sum, b: Sum): Sum => each(field => a[field] + b[field])
export const minus = (a: Sum, b: Sum): Sum => each(field => a[field] - b[field])
export const isZero = (sum: Sum): boolean => SUM_FIELDS.every(field => sum[field] === 0n)

const countsOf = ({ type, amount = 0n }: ReadEvent): Partial<Sum> => {
  if (type === 'credit') return { credits: 1n, credited: amount }
  if (type === 'debit') return { debits: 1n, debited: amount }
  return type === 'declined' ? { declined: 1n } : {}
}

const restrictedIn = ({ terms }: Pick<Possession, 'terms'>): bigint =>
  terms === undefined || terms.state === 'active' ? 0n : 1n

/** The numbers that an event adds to the totals; undefined for an event that does not count. */
export const shareOf = ({ outcome, event, before, after }: Step): Sum | undefined => {
  if (outcome !== 'applied' || event === undefined) return undefined
  return {
    ...ZERO,
    ...countsOf(event),
    customers: before.version === 0 && after.version > 0 ? 1n : 0n,
    balance: after.balance - before.balance,
    held: heldOf(after.terms) - heldOf(before.terms),
    restricted: restrictedIn(after) - restrictedIn(before),
  }
}

/** The keys of the two totals to which an event belongs. */
export const keysOf = ({ entry, id = '' }: Step): readonly [all: string, day: string] => {
  const asset = id.split('/')[1]
  const end = asset === undefined ? '' : `:${asset}`
  return [`=all${end}`, `=day:${entry.at.toISOString().slice(0, 10)}${end}`]
}
