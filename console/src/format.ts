/** Writes amounts and times for people. Amounts are whole numbers of the minor unit; they are never rounded. */

import type { Amount } from './api.js'

const GROUPS = new Intl.NumberFormat('en')

export const amountText = (amount: Amount): string => GROUPS.format(BigInt(amount))

export const countText = (count: number): string => GROUPS.format(count)

/** A point in time as UTC, to the second. */
export const timeText = (at: string): string => at.replace('T', ' ').replace(/\.\d+/, '').replace(/Z$/, '')

export const bytesText = (bytes: number): string =>
  bytes < 10_000
    ? `${bytes} B`
    : bytes < 10_000_000
      ? `${Math.round(bytes / 1_000)} kB`
      : `${Math.round(bytes / 1_000_000)} MB`

/** A sum in a form that a person types: a whole number of at least 1. Undefined for anything else. */
export const amountFrom = (text: string): bigint | undefined => {
  const digits = text.replaceAll(/[ ,_]/g, '')
  return /^[1-9]\d{0,18}$/.test(digits) ? BigInt(digits) : undefined
}

/** An amount as the API takes it. */
export const amountJson = (amount: bigint): Amount =>
  amount <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(amount) : String(amount)

const NEEDS_QUOTES = /[",\r\n]/
/** A spreadsheet takes a text that begins so for a formula. */
const FORMULA = /^[=+\-@\t]/

const csvCell = (value: unknown): string => {
  const text = value === undefined ? '' : typeof value === 'object' ? JSON.stringify(value) : String(value)
  const safe = typeof value === 'string' && FORMULA.test(text) ? `'${text}` : text
  return NEEDS_QUOTES.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

/** Rows as CSV (RFC 4180), with the names of the columns first. */
export const csvOf = <R extends object>(columns: readonly (keyof R & string)[], rows: readonly R[]): string =>
  [columns.join(','), ...rows.map(row => columns.map(name => csvCell(row[name])).join(','))]
    .map(line => `${line}\r\n`)
    .join('')
