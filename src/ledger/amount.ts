/**
 * Amounts and balances: whole numbers of the minor unit (such as cents), `bigint` in the code, within int64, never a
 * float.
 *
 * In JSON they are a number up to 2^53-1 and a decimal string beyond. JSON.parse would silently round a larger number, so
 * a larger number is refused. A decimal string is accepted at every size.
 */

import { t } from '../fp.js'

export const INT64_MAX = 2n ** 63n - 1n
export const INT64_MIN = -(2n ** 63n)

interface AmountBrand {
  readonly Amount: unique symbol
}

/** The amount that one event moves: from 1 to 2^63-1. */
export type Amount = bigint & AmountBrand

const AMOUNT_RULE =
  'must be a whole number of at least 1, as a JSON number up to 9007199254740991 or a decimal string up to 9223372036854775807'
const INTEGER_RULE =
  'must be a whole number within int64, as a JSON number up to 9007199254740991 or a decimal string'

const DECIMAL = /^(0|-?[1-9][0-9]{0,18})$/

const parse = (u: unknown): bigint | undefined => {
  if (typeof u === 'bigint') return u
  if (typeof u === 'number') return Number.isSafeInteger(u) ? BigInt(u) : undefined
  return typeof u === 'string' && DECIMAL.test(u) ? BigInt(u) : undefined
}

/** Whether `n` fits the signed 64-bit integer that amounts and balances are kept in. */
const isInt64 = (n: bigint): boolean => n >= INT64_MIN && n <= INT64_MAX

const isAmount = (n: bigint | undefined): n is Amount => n !== undefined && n >= 1n && n <= INT64_MAX

const SAFE_MAX = BigInt(Number.MAX_SAFE_INTEGER)
const isSafe = (n: bigint): boolean => n <= SAFE_MAX && n >= -SAFE_MAX

/** The JSON form of an amount or balance: a number while that is exact, else a decimal string. */
export const toJson = (n: bigint): number | string => (isSafe(n) ? Number(n) : n.toString())

/** The JSON form of an amount or balance, as text. */
export const amountJson = (n: bigint): string => (isSafe(n) ? `${Number(n)}` : `"${n}"`)

/** Decodes an amount of at least 1 from its JSON forms. */
export const Amount = new t.Type<Amount, number | string, unknown>(
  'Amount',
  (u): u is Amount => typeof u === 'bigint' && isAmount(u),
  (u, context) => {
    const n = parse(u)
    return isAmount(n) ? t.success(n) : t.failure(u, context, AMOUNT_RULE)
  },
  toJson,
)

/** Decodes a balance: any int64, in the same JSON forms as an amount. */
export const Balance = new t.Type<bigint, number | string, unknown>(
  'Balance',
  (u): u is bigint => typeof u === 'bigint' && isInt64(u),
  (u, context) => {
    const n = parse(u)
    return n !== undefined && isInt64(n) ? t.success(n) : t.failure(u, context, INTEGER_RULE)
  },
  toJson,
)
