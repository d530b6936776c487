/**
 * Reads the single values of an event's body, as the documents define them, for the second opinion of verify. It uses no
 * code of `src/ledger` (docs/adr/0013).
 */

import { isJsonObject } from '../json.js'

export type Fields = Readonly<Record<string, unknown>>

export const LARGEST = 9_223_372_036_854_775_807n
const SMALLEST = -9_223_372_036_854_775_808n
const ASSET = /^[A-Z][A-Z0-9]{0,15}$/
const CUSTOMER_ID = /^[A-Za-z0-9][A-Za-z0-9_:@-]{0,63}$/

/**
 * Reads a whole number within int64, from a JSON number or a JSON string. Undefined for anything else, and for a number
 * that JSON.parse may have rounded.
 */
export const wholeOf = (value: unknown): bigint | undefined => {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : undefined
  if (typeof value !== 'string' || !/^(?:0|-?[1-9]\d{0,18})$/.test(value)) return undefined
  const whole = BigInt(value)
  return whole >= SMALLEST && whole <= LARGEST ? whole : undefined
}

/** Whether a value is a whole number of at least `min`. */
export const isWhole = (value: unknown, min: bigint): boolean => {
  const whole = wholeOf(value)
  return whole !== undefined && whole >= min
}

/** Whether a value is the id of an account: a customer's id, and the asset after a slash unless it is the default one. */
export const isAccount = (value: unknown): value is string => {
  if (typeof value !== 'string') return false
  const [customer, asset, ...more] = value.split('/')
  return isCustomerId(customer) && more.length === 0 && (asset === undefined || ASSET.test(asset))
}

/** Whether a value is one of some texts. */
export const isOneOf = (value: unknown, allowed: readonly string[]): boolean =>
  typeof value === 'string' && allowed.includes(value)

/** Whether a value is one of some texts, or no text at all: what is no text is wrong, and not of a later program. */
export const mayBe = (value: unknown, known: readonly string[]): boolean =>
  typeof value !== 'string' || known.includes(value)

/** Whether an object has only some fields. It is also true for a value that is no object: that is wrong in another way. */
export const onlyHas = (value: unknown, names: readonly string[]): boolean =>
  !isJsonObject(value) || Object.keys(value).every(name => names.includes(name))

export const isCustomerId = (value: unknown): value is string =>
  typeof value === 'string' && CUSTOMER_ID.test(value)

/** Whether a value is a transaction id of up to `chars_max` characters. */
export const isTransactionId = (value: unknown, chars_max: number): boolean =>
  isText(value, chars_max) && /^[\x21-\x7e]+$/.test(value)

/** Whether a value is a text of 1 to `chars_max` characters. */
export const isText = (value: unknown, chars_max: number): value is string =>
  typeof value === 'string' && value.length >= 1 && value.length <= chars_max

const TIME = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)\.(\d{3})Z$/

/** The number of days of a month, which counts from 1. */
const daysOf = (year: number, month: number): number => {
  const is_leap_year = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  if (month === 2) return is_leap_year ? 29 : 28
  return [4, 6, 9, 11].includes(month) ? 30 : 31
}

/** The milliseconds since 1970 of a time in UTC with milliseconds, from 1970 on; undefined for any other value. */
export const millisecondsOf = (value: unknown): number | undefined => {
  const parts = typeof value === 'string' ? TIME.exec(value)?.slice(1).map(Number) : undefined
  if (parts === undefined) return undefined
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, millisecond = 0] = parts
  const is_day = year >= 1970 && month >= 1 && month <= 12 && day >= 1 && day <= daysOf(year, month)
  if (!is_day || hour > 23 || minute > 59 || second > 59) return undefined
  return Date.UTC(year, month - 1, day, hour, minute, second, millisecond)
}
