/**
 * The schemas of events: tells the schema of a body, and whether this program knows everything in a body of schema 2.
 *
 * Schema 1 is read tolerantly, for ever: its unknown fields are ignored, and its JSON is read as `JSON.parse` reads it.
 * Schema 2 is read strictly. An unknown field, type or code in it comes from a later program, and the customer is parked
 * until that program runs: to ignore something that may move money would give a wrong balance. Every schema keeps a
 * golden file in `golden/`, for ever. An event without `schema` is of schema 1.
 */

import { isJsonObject, type JsonObject } from '../json.js'
import { REJECTION_CODES } from './account.js'
import { COMMAND_TYPES } from './event-body.js'
import { ACCOUNT_STATES, DECLINED_FIELDS_2, FIELDS_2 } from './event-body-2.js'
import { RESTRICTED_STATES } from './rules.js'

/** The schema of plain events: an event is written in the lowest schema that can express it. */
export const PLAIN_SCHEMA = 1
/** The newest schema that this program knows. */
export const NEWEST_SCHEMA = 2

/** The schema of a body; undefined when its `schema` is not a whole number of at least 1. */
export const schemaOf = ({ schema = 1 }: JsonObject): number | undefined =>
  typeof schema === 'number' && Number.isSafeInteger(schema) && schema >= 1 ? schema : undefined

/** The known fields of an event of schema 2, by its type. */
const FIELDS: Readonly<Record<string, readonly string[]>> = {
  ...FIELDS_2,
  skip: ['schema', 'type', 'seq', 'reason', 'by'],
}
const TRANSFER = ['counterparty']

/** Whether an object has known fields only. It is also true for a value that is no object: the codec refuses that. */
const hasOnly = (value: unknown, fields: readonly string[]): boolean =>
  !isJsonObject(value) || Object.keys(value).every(name => fields.includes(name))

/** Whether a text is one of the known ones. It is also true for a value that is no text: the codec refuses that. */
const isAmong = (value: unknown, texts: readonly string[]): boolean =>
  typeof value !== 'string' || texts.includes(value)

const fieldsOfType = (type: unknown): readonly string[] | undefined => {
  // the codec refuses a type that is no text
  if (typeof type !== 'string') return FIELDS.declined
  return Object.hasOwn(FIELDS, type) ? FIELDS[type] : undefined
}

/** Whether this program knows every field, type and code of a body of schema 2. */
export const isKnown = (body: JsonObject): boolean => {
  const fields = fieldsOfType(body.type)
  if (fields === undefined || !hasOnly(body, fields)) return false
  const { transfer, declined } = body
  if (!hasOnly(transfer, TRANSFER) || !hasOnly(declined, DECLINED_FIELDS_2)) return false
  if (!isAmong(body.state, ACCOUNT_STATES) || !isJsonObject(declined))
    return isAmong(body.state, ACCOUNT_STATES)
  return (
    isAmong(declined.command, COMMAND_TYPES) &&
    isAmong(declined.code, REJECTION_CODES) &&
    isAmong(declined.state, RESTRICTED_STATES)
  )
}
