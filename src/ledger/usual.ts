/**
 * The usual shapes, read by hand: what nearly every event and command looks like costs a tenth of the codec's time.
 *
 * The codecs stay the law. Whatever is not of the usual shape here, wrong or only rare, is `undefined` and goes to its
 * codec, which also words the errors; a property test holds both to the same result.
 */

import type { Amount } from './amount.js'
import { isClientId } from './client-id.js'
import { isToken, type LedgerEvent } from './event-body.js'

type Fields = { [name: string]: unknown }

/** An amount in its form as a number; undefined for every other form, and for what is none. */
export const usualAmount = (u: unknown): Amount | undefined =>
  typeof u === 'number' && Number.isSafeInteger(u) && u >= 1 ? (BigInt(u) as Amount) : undefined

const isRecord = (u: unknown): u is Fields => typeof u === 'object' && u !== null && !Array.isArray(u)

const isTransfer = (u: unknown): boolean => {
  if (!isRecord(u) || !isClientId(u.counterparty)) return false
  for (const name in u) if (name !== 'counterparty') return false
  return true
}

const isUsualField = (name: string, value: unknown, schema: number, id_chars_max: number): boolean => {
  switch (name) {
    case 'schema':
      return value === schema
    case 'type':
      return value === 'credit' || value === 'debit'
    case 'transaction_id':
      return isToken(value, id_chars_max)
    case 'reference':
      return typeof value === 'string'
    case 'metadata':
      return isRecord(value)
    case 'transfer':
      return isTransfer(value)
    case 'amount':
    case 'after':
      return true
    default:
      return false
  }
}

/**
 * A freshly parsed credit or debit of schema `schema` as an event, changed in place; undefined when it is anything
 * else, and then untouched.
 */
export const usualEvent = (fields: Fields, schema: number, id_chars_max: number): LedgerEvent | undefined => {
  const amount = usualAmount(fields.amount)
  // without a schema it is of schema 1
  if (amount === undefined || fields.type === undefined || (fields.schema ?? 1) !== schema) return undefined
  for (const name in fields) {
    if (!isUsualField(name, fields[name], schema, id_chars_max)) return undefined
  }
  fields.amount = amount
  return fields as LedgerEvent & Fields
}
