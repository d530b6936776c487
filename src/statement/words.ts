/**
 * Says in words what an entry of a statement is, for the person whose money it is.
 */

import { isJsonObject } from '../json.js'

/** An entry of a statement: one event that counts. Amounts and balances are whole numbers of the minor unit. */
export type StatementRow = {
  /** The time at which it was stored, RFC 3339 in UTC. */
  readonly at: string
  readonly type: string | undefined
  readonly amount: bigint | undefined
  /** The balance after it. */
  readonly balance: bigint | undefined
  readonly transaction_id: string | undefined
  readonly reference: string | undefined
  readonly counterparty: string | undefined
  /** What only some events have, by their names in the event: a hold, a limit, what was declined. */
  readonly details: object | undefined
}

/** Writes an amount of the minor unit with the decimals of its asset, and a comma between thousands. */
export const amountWords = (amount: bigint, scale: number): string => {
  const digits = String(amount < 0n ? -amount : amount).padStart(scale + 1, '0')
  const whole = digits.slice(0, digits.length - scale).replace(/\B(?=(?:\d{3})+$)/g, ',')
  const decimals = scale === 0 ? '' : `.${digits.slice(-scale)}`
  return `${amount < 0n ? '-' : ''}${whole}${decimals}`
}

/** The day and the minute of a time, which is RFC 3339 in UTC. */
export const minuteWords = (at: string): string => at.slice(0, 16).replace('T', ' ')

const MS_NS = 1_000_000n
const timeWords = (ns: bigint): string => minuteWords(new Date(Number(ns / MS_NS)).toISOString())

/**
 * The period of a statement. Times are nanoseconds since 1970; undefined stands for the beginning and for `now`. What comes
 * after now is in no statement yet, so a later end is not promised.
 */
export const periodWords = (from: bigint | undefined, to: bigint | undefined, now: bigint): string => {
  const until = to === undefined || to > now ? now : to
  const end = from !== undefined && from > until ? from : until
  return `${from === undefined ? 'From the beginning' : timeWords(from)} to ${timeWords(end)}, UTC`
}

/** More than three lines hold of the narrowest letters. An event may have 64 KB, which would take seconds to measure. */
const TEXT_CHARS_MAX = 600

/** What is shown of a text: strangers may have written what moves the pen, or what nobody can read. */
export const plainText = (text: string): string =>
  text.slice(0, TEXT_CHARS_MAX).replace(/\p{Cc}|\p{Cf}|\p{Cs}/gu, ' ')

/** What an account's amounts are counted in: the declared name with the asset's own, or what there is of both. */
export const assetWords = (asset: string | undefined, name: string | undefined): string | undefined => {
  if (name === undefined || name === asset) return asset
  return asset === undefined ? name : `${name} (${asset})`
}

type Details = Readonly<Record<string, unknown>>

const textIn = (details: Details, name: string): string | undefined => {
  const value = details[name]
  return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined
}

const amountIn = (details: Details, name: string, scale: number): string => {
  const text = textIn(details, name) ?? ''
  return /^-?\d+$/.test(text) ? amountWords(BigInt(text), scale) : text
}

const refusalWords = ({ declined }: Details): string => {
  const { command, code } = isJsonObject(declined) ? declined : {}
  return `Refused: ${String(command ?? 'a command')}, ${String(code ?? 'no reason')
    .toLowerCase()
    .replaceAll('_', ' ')}`
}

const moneyWords = (word: string, way: string, { counterparty }: StatementRow, details: Details): string => {
  const [hold, reverses] = [textIn(details, 'hold'), textIn(details, 'reverses')]
  const other = counterparty === undefined ? '' : ` ${way} ${counterparty}`
  const of_hold = hold === undefined ? '' : `, of the hold ${hold}`
  return reverses === undefined ? `${word}${other}${of_hold}` : `Reversal of ${reverses}${other}`
}

const releaseWords = (details: Details): string => {
  const hold = textIn(details, 'hold') ?? ''
  return details.expired === true ? `The hold ${hold} has expired` : `The hold ${hold} is given back`
}

/** What happened. `scale` is the number of decimals of the account's asset. */
export const entryWords = (row: StatementRow, scale: number): string => {
  const details: Details = isJsonObject(row.details) ? row.details : {}
  const amount = row.amount === undefined ? '' : amountWords(row.amount, scale)
  switch (row.type) {
    case 'credit':
      return moneyWords('Credit', 'from', row, details)
    case 'debit':
      return moneyWords('Debit', 'to', row, details)
    case 'hold':
      return `${amount} set aside until ${minuteWords(textIn(details, 'expires_at') ?? '')}`
    case 'release':
      return `${releaseWords(details)}${amount === '' ? '' : `: ${amount}`}`
    case 'limit':
      return `Credit limit ${amountIn(details, 'limit', scale)}`
    case 'state':
      return `State ${textIn(details, 'state') ?? ''}: ${textIn(details, 'reason') ?? ''}`
    case 'declined':
      return refusalWords(details)
    default:
      return row.type ?? ''
  }
}

/** By how much an entry changed the balance; undefined when it did not. */
export const changeOf = ({ type, amount }: Pick<StatementRow, 'type' | 'amount'>): bigint | undefined => {
  if (amount === undefined) return undefined
  if (type === 'credit') return amount
  return type === 'debit' ? -amount : undefined
}
