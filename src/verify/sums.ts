/**
 * Computes the totals that the stream gives, in all and per UTC day.
 */

import type { Step } from './walk.js'

export const SUM_FIELDS = [
  'customers',
  'balance',
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
  credits: 0n,
  credited: 0n,
  debits: 0n,
  debited: 0n,
  declined: 0n,
}

/** The fields that only ever grow: a later reading is never lower. */
export const GROWING: readonly SumField[] = SUM_FIELDS.filter(field => field !== 'balance')

const each = (of: (field: SumField) => bigint): Sum =>
  Object.fromEntries(SUM_FIELDS.map(field => [field, of(field)])) as Record<SumField, bigint>

export const plus = (a: Sum, b: Sum): Sum => each(field => a[field] + b[field])
export const minus = (a: Sum, b: Sum): Sum => each(field => a[field] - b[field])
export const isZero = (sum: Sum): boolean => SUM_FIELDS.every(field => sum[field] === 0n)

/** The numbers that an event adds to the totals; undefined for an event that does not count. */
export const shareOf = ({ outcome, event, before, after }: Step): Sum | undefined => {
  if (outcome !== 'applied' || event === undefined) return undefined
  const { type, amount } = event
  if (type === 'declined') return { ...ZERO, declined: 1n }
  const moved = type === 'credit' ? { credits: 1n, credited: amount } : { debits: 1n, debited: amount }
  const customers = before.version === 0 ? 1n : 0n
  return { ...ZERO, ...moved, customers, balance: after.balance - before.balance }
}

/** The keys of the two totals to which an event belongs. */
export const keysOf = ({ entry }: Step): readonly [all: string, day: string] => [
  'all',
  `day:${entry.at.toISOString().slice(0, 10)}`,
]
