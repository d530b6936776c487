/**
 * JSON Schemas of the values that go over HTTP. They are the one source: requests and the service's replies are checked
 * with them, and the OpenAPI document shows them.
 *
 * A `description` that begins with "must be" is the error text that a caller reads when a value does not fit.
 */

import { DAY_PATTERN, DAY_RULE, INSTANT_PATTERN, INSTANT_RULE } from '../instant.js'
import { ASSET_RULE } from '../ledger/account-id.js'
import { LONGEST_ID_CHARS_MAX, TRANSACTION_ID_CHARS_MAX } from '../ledger/event.js'
import { CURSOR_CHARS_MAX, CURSOR_RULE, PAGE_ENTRIES_MAX } from '../page.js'

export type Schema = {
  readonly type?: 'object' | 'array' | 'string' | 'integer' | 'boolean'
  readonly description?: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: boolean
  readonly maxProperties?: number
  readonly items?: Schema
  readonly minItems?: number
  readonly maxItems?: number
  readonly anyOf?: readonly Schema[]
  readonly enum?: readonly (string | boolean)[]
  readonly const?: string
  readonly pattern?: string
  readonly format?: string
  readonly maxLength?: number
  readonly minimum?: number
  readonly maximum?: number
  readonly examples?: readonly unknown[]
}

export type Properties = Readonly<Record<string, Schema>>

/** An object that has `required` and may have `optional`; other fields are let through (tolerant inwards). */
export const object = (required: Properties, optional: Properties = {}): Schema => ({
  type: 'object',
  properties: { ...required, ...optional },
  required: Object.keys(required),
})

/** An object that a caller sends: an unknown field is a mistake, and the caller is told so. */
export const exactObject = (required: Properties, optional: Properties = {}): Schema => ({
  ...object(required, optional),
  additionalProperties: false,
})

export const listOf = (items: Schema): Schema => ({ type: 'array', items })

const DIGITS_OF_INT64_MAX = 19

/** The asset of an account; absent for the default one. */
export const ASSET: Schema = {
  type: 'string',
  pattern: '^[A-Z][A-Z0-9]{0,15}$',
  description: `${ASSET_RULE}; absent: the default asset`,
  examples: ['EUR'],
}
export const CLIENT_ID: Schema = {
  type: 'string',
  pattern: '^[A-Za-z0-9][A-Za-z0-9_:@\\-]{0,63}$',
  description:
    'must be 1 to 64 characters of A-Z a-z 0-9 _ : @ - that begin with a letter or a digit: a customer',
  examples: ['678'],
}

export const AMOUNT: Schema = {
  anyOf: [
    { type: 'integer', minimum: 1, maximum: Number.MAX_SAFE_INTEGER },
    { type: 'string', pattern: `^[1-9][0-9]{0,${DIGITS_OF_INT64_MAX - 1}}$` },
  ],
  description:
    'must be a whole number of the minor unit of at least 1: a JSON number up to 9007199254740991, a decimal string beyond',
  examples: [100],
}

export const BALANCE: Schema = {
  anyOf: [
    { type: 'integer', minimum: Number.MIN_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER },
    { type: 'string', pattern: `^(0|-?[1-9][0-9]{0,${DIGITS_OF_INT64_MAX - 1}})$` },
  ],
  description: 'must be a whole number of the minor unit; a decimal string beyond 9007199254740991',
  examples: [7120],
}

/** A sum over many customers: it may leave int64. */
export const TOTAL: Schema = {
  anyOf: [
    { type: 'integer', minimum: Number.MIN_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER },
    { type: 'string', pattern: '^(0|-?[1-9][0-9]{0,37})$' },
  ],
  description: 'must be a whole number of the minor unit; a decimal string beyond 9007199254740991',
}

export const TRANSACTION_ID: Schema = {
  type: 'string',
  pattern: `^[\\x21-\\x7e]{1,${TRANSACTION_ID_CHARS_MAX}}$`,
  description: `must be 1 to ${TRANSACTION_ID_CHARS_MAX} printable ASCII characters without blanks: the same one has one effect and one answer`,
  examples: ['order-5512'],
}

/** The id of a stored event: that of a reversal, or of a second event, is longer than any id that a caller may send. */
export const STORED_TRANSACTION_ID: Schema = {
  ...TRANSACTION_ID,
  pattern: `^[\\x21-\\x7e]{1,${LONGEST_ID_CHARS_MAX}}$`,
  description: `must be 1 to ${LONGEST_ID_CHARS_MAX} printable ASCII characters without blanks`,
}

export const REFERENCE: Schema = {
  type: 'string',
  maxLength: 256,
  description: 'must be a text of at most 256 characters: what it is for',
  examples: ['order 5512'],
}

export const METADATA: Schema = {
  type: 'object',
  maxProperties: 16,
  description: 'must be an object of at most 16 keys and 2,048 bytes',
}

export const COUNT: Schema = { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER }

export const VERSION: Schema = { ...COUNT, description: "must be a whole number: the customer's version" }

export const SEQ: Schema = { ...COUNT, description: 'must be a whole number: a sequence of the stream' }

export const CURSOR: Schema = {
  type: 'string',
  maxLength: CURSOR_CHARS_MAX,
  description: CURSOR_RULE,
}

export const TIME: Schema = {
  type: 'string',
  format: 'date-time',
  pattern: INSTANT_PATTERN,
  description: INSTANT_RULE,
}

export const DAY: Schema = {
  type: 'string',
  format: 'date',
  pattern: DAY_PATTERN,
  description: DAY_RULE,
}

/** The largest number of entries of a page; `missing` is the number without a `limit`. */
export const limit = (missing: number): Schema => ({
  type: 'integer',
  minimum: 1,
  maximum: PAGE_ENTRIES_MAX,
  description: `must be a whole number from 1 to ${PAGE_ENTRIES_MAX}: entries of a page (${missing} when absent)`,
})

export const oneOf = (...names: readonly string[]): Schema => ({
  type: 'string',
  enum: names,
  description: `must be ${names.join(' or ')}`,
})
