/**
 * The schemas of events: tells the schema of a body, and whether this program knows everything in a body of schema 2.
 *
 * Schema 1 is read tolerantly, for ever: its unknown fields are ignored, and its JSON is read as `JSON.parse` reads it.
 * Schema 2 is read strictly. An unknown field, type or code in it comes from a later program, and the customer is parked
 * until that program runs: to ignore something that may move money would give a wrong balance. Every schema keeps a
 * golden file in `golden/`, for ever. An event without `schema` is of schema 1.
 */

import { isJsonObject, type JsonObject } from '../json.js'

/** The schema of the events that this program writes: the lowest one that can express them. */
export const WRITTEN_SCHEMA = 1
/** The newest schema that this program knows. */
export const NEWEST_SCHEMA = 2

/** The schema of a body; undefined when its `schema` is not a whole number of at least 1. */
export const schemaOf = ({ schema = 1 }: JsonObject): number | undefined =>
  typeof schema === 'number' && Number.isSafeInteger(schema) && schema >= 1 ? schema : undefined

const MOVEMENT = [
  ...['schema', 'type', 'amount', 'transaction_id', 'reference', 'metadata', 'transfer', 'declined', 'after'],
]

/** The known fields of an event of schema 2, by its type. */
const FIELDS: Readonly<Record<string, readonly string[]>> = {
  credit: MOVEMENT,
  debit: MOVEMENT,
  declined: MOVEMENT,
  skip: ['schema', 'type', 'seq', 'reason', 'by'],
}
const TRANSFER = ['counterparty']
const DECLINED = ['command', 'code', 'client_id', 'balance']
const COMMANDS = ['credit', 'debit', 'transfer']
const CODES = ['INSUFFICIENT_FUNDS', 'BALANCE_LIMIT']

/** Whether an object has known fields only. It is also true for a value that is no object: the codec refuses that. */
const hasOnly = (value: unknown, fields: readonly string[]): boolean =>
  !isJsonObject(value) || Object.keys(value).every(name => fields.includes(name))

/** Whether a text is one of the known ones. It is also true for a value that is no text: the codec refuses that. */
const isAmong = (value: unknown, texts: readonly string[]): boolean =>
  typeof value !== 'string' || texts.includes(value)

const fieldsOfType = (type: unknown): readonly string[] | undefined => {
  if (typeof type !== 'string') return MOVEMENT
  return Object.hasOwn(FIELDS, type) ? FIELDS[type] : undefined
}

/** Whether this program knows every field, type and code of a body of schema 2. */
export const isKnown = (body: JsonObject): boolean => {
  const fields = fieldsOfType(body.type)
  if (fields === undefined || !hasOnly(body, fields)) return false
  const { transfer, declined } = body
  if (!hasOnly(transfer, TRANSFER) || !hasOnly(declined, DECLINED)) return false
  return !isJsonObject(declined) || (isAmong(declined.command, COMMANDS) && isAmong(declined.code, CODES))
}
