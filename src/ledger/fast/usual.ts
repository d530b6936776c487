/**
 * The usual shapes, read by hand: what nearly every event and command looks like costs a tenth of the codec's time.
 *
 * The codecs stay the law. Whatever is not of the usual shape here, wrong or only rare, is `undefined` and goes to its
 * codec, which also words the errors; a property test holds both to the same result.
 */

import { isJsonObject, type JsonObject } from '../../json.js'
import type { Amount } from '../amount.js'
import { isClientId } from '../client-id.js'
import { isToken, type LedgerEvent } from '../event-body.js'

type Fields = { [name: string]: unknown }

const SCHEMA = 1

/** An amount in its form as a number; undefined for every other form, and for what is none. */
export const usualAmount = (u: unknown): Amount | undefined =>
  typeof u === 'number' && Number.isSafeInteger(u) && u >= 1 ? (BigInt(u) as Amount) : undefined

const isTransfer = (u: unknown): boolean => {
  if (!isJsonObject(u) || !isClientId(u.counterparty)) return false
  for (const name in u) if (name !== 'counterparty') return false
  return true
}

const isUsualField = (name: string, value: unknown, id_chars_max: number): boolean => {
  switch (name) {
    case 'schema':
      return value === SCHEMA
    case 'type':
      return value === 'credit' || value === 'debit'
    case 'transaction_id':
      return isToken(value, id_chars_max)
    case 'reference':
      return typeof value === 'string'
    case 'metadata':
      return isJsonObject(value)
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
 * A freshly parsed credit or debit of schema 1 as an event, changed in place; undefined when it is anything else, and
 * then untouched.
 */
export const usualEvent = (json: JsonObject, id_chars_max: number): LedgerEvent | undefined => {
  const amount = usualAmount(json.amount)
  if (amount === undefined || json.type === undefined) return undefined
  for (const name in json) {
    if (!isUsualField(name, json[name], id_chars_max)) return undefined
  }
  const fields: Fields = json
  fields.amount = amount
  return fields as LedgerEvent & Fields
}
