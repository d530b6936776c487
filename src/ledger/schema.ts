/**
 * The schemas of events: which one a body is of, and what of schema 2 this program knows.
 *
 * Schema 1 is read tolerantly, for ever: its unknown fields are ignored, and its JSON is that of `JSON.parse`. Schema 2
 * is read strictly. What a body of it holds beyond what is known here is of a later program: its customer is parked
 * until that program runs, because to pass over what may move money would give another balance. Every schema keeps a
 * golden file in `golden/`, for ever. An event without `schema` is of schema 1.
 */

import { isJsonObject, type JsonObject } from '../json.js'

/** Events are written in this schema: the lowest that can express them. */
export const WRITTEN_SCHEMA = 1
/** The newest schema of which this program knows anything. */
export const NEWEST_SCHEMA = 2

/** The schema of a body; undefined when it names none that there could be. */
export const schemaOf = ({ schema = 1 }: JsonObject): number | undefined =>
  typeof schema === 'number' && Number.isSafeInteger(schema) && schema >= 1 ? schema : undefined

const MOVEMENT = [
  ...['schema', 'type', 'amount', 'transaction_id', 'reference', 'metadata', 'transfer', 'declined', 'after'],
]

/** By type, the fields of an event of schema 2. */
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

/** Whether a value is no object, or one with known fields only. What is no object at all is the codec's to refuse. */
const hasOnly = (value: unknown, fields: readonly string[]): boolean =>
  !isJsonObject(value) || Object.keys(value).every(name => fields.includes(name))

/** Whether a value is no text, or one of the known ones. */
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
