/**
 * Reads a message of the ledger. It is written from the documents alone and uses no code of `src/ledger`, so that a
 * fault there cannot hide itself (docs/adr/0013).
 */

import { E } from '../fp.js'
import { isJsonObject, readJson, readStrictJson } from '../json.js'

type Fields = Readonly<Record<string, unknown>>

/** An event as verify reads it. */
export type ReadEvent = {
  readonly type: 'credit' | 'debit' | 'declined'
  readonly amount: bigint
  readonly transaction_id: string | undefined
  readonly reference: string | undefined
  readonly metadata: Fields | undefined
  readonly counterparty: string | undefined
  readonly declined: Fields | undefined
  /** The writer's claim about the customer after the event, not decoded; undefined without a claim. */
  readonly after: unknown
}

export type Reading =
  | { readonly tag: 'event'; readonly event: ReadEvent }
  | { readonly tag: 'malformed' }
  | { readonly tag: 'future'; readonly schema: number }
  /** A decision: the event at `seq`, which no program could read, is to be passed over. */
  | { readonly tag: 'skip'; readonly seq: number }

/** The newest schema that this file knows. A schema that is added to the program has to be added here too. */
const SCHEMA = 2
const LARGEST = 9_223_372_036_854_775_807n
const SMALLEST = -9_223_372_036_854_775_808n
const TRANSACTION_ID = /^[\x21-\x7e]{1,135}$/
const CUSTOMER_ID = /^[A-Za-z0-9][A-Za-z0-9_:@-]{0,63}$/
const MALFORMED: Reading = { tag: 'malformed' }

/** The customer id in a subject; undefined when the subject is no customer's. */
export const customerOf = (subject: string): string | undefined => {
  const id = subject.startsWith('customer.balance.') ? subject.slice('customer.balance.'.length) : ''
  return CUSTOMER_ID.test(id) ? id : undefined
}

const parse = (body: Uint8Array): Fields | undefined => {
  const json = readJson(body)
  return E.isRight(json) && isJsonObject(json.right) ? json.right : undefined
}

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

const isOneOf = (value: unknown, ...allowed: string[]): boolean =>
  typeof value === 'string' && allowed.includes(value)

const isId = (value: unknown): value is string => typeof value === 'string' && CUSTOMER_ID.test(value)

const isDeclined = (value: unknown): value is Fields =>
  isJsonObject(value) &&
  isOneOf(value.command, 'credit', 'debit', 'transfer') &&
  isOneOf(value.code, 'INSUFFICIENT_FUNDS', 'BALANCE_LIMIT') &&
  isId(value.client_id) &&
  wholeOf(value.balance) !== undefined

/** Whether every optional field is absent or valid. */
const optionalsAreRight = ({ transaction_id, reference, metadata, transfer, declined }: Fields): boolean =>
  (transaction_id === undefined ||
    (typeof transaction_id === 'string' && TRANSACTION_ID.test(transaction_id))) &&
  (reference === undefined || typeof reference === 'string') &&
  (metadata === undefined || isJsonObject(metadata)) &&
  (transfer === undefined || (isJsonObject(transfer) && isId(transfer.counterparty))) &&
  (declined === undefined || isDeclined(declined))

const eventOf = (fields: Fields): Reading => {
  const { type, transaction_id, reference, metadata, transfer, declined, after } = fields
  const amount = wholeOf(fields.amount)
  if (!isOneOf(type, 'credit', 'debit', 'declined') || amount === undefined || amount < 1n) return MALFORMED
  if (!optionalsAreRight(fields)) return MALFORMED
  const counterparty = isJsonObject(transfer) ? transfer.counterparty : undefined
  const event = { type, amount, transaction_id, reference, metadata, counterparty, declined, after }
  return { tag: 'event', event: event as ReadEvent }
}

/**
 * The balance and version that a writer claims for the customer after the event; undefined when they cannot be read.
 */
export const claimOf = (after: unknown): { balance: bigint; version: number } | undefined => {
  if (!isJsonObject(after) || typeof after.version !== 'number') return undefined
  const balance = wholeOf(after.balance)
  return balance === undefined ? undefined : { balance, version: after.version }
}

/** The fields of an event of schema 2. An event with any other field was written by a later program. */
const KNOWN_FIELDS = /^(?:schema|type|amount|transaction_id|reference|metadata|transfer|declined|after)$/

const onlyHas = (value: unknown, names: RegExp): boolean =>
  !isJsonObject(value) || Object.keys(value).every(name => names.test(name))

const mayBe = (value: unknown, ...texts: string[]): boolean =>
  typeof value !== 'string' || isOneOf(value, ...texts)

/** Whether an event of schema 2 has only known fields, and only known words in them. */
const isUnderstood = (fields: Fields): boolean => {
  const { type, transfer, declined } = fields
  const { command, code } = isJsonObject(declined) ? declined : {}
  return (
    mayBe(type, 'credit', 'debit', 'declined') &&
    onlyHas(fields, KNOWN_FIELDS) &&
    onlyHas(transfer, /^counterparty$/) &&
    onlyHas(declined, /^(?:command|code|client_id|balance)$/) &&
    mayBe(command, 'credit', 'debit', 'transfer') &&
    mayBe(code, 'INSUFFICIENT_FUNDS', 'BALANCE_LIMIT')
  )
}

const isText = (value: unknown, chars_max: number): boolean =>
  typeof value === 'string' && value.length >= 1 && value.length <= chars_max

/** Reads a person's decision. With an unknown field it counts as written by a later program. */
const skipOf = (fields: Fields): Reading => {
  if (!onlyHas(fields, /^(?:schema|type|seq|reason|by)$/)) return { tag: 'future', schema: 2 }
  const { seq, reason, by } = fields
  const is_right = Number.isSafeInteger(seq) && Number(seq) >= 1 && isText(reason, 500) && isText(by, 200)
  return is_right ? { tag: 'skip', seq: Number(seq) } : MALFORMED
}

/** Reads a message's body. It never throws: any body has a reading. */
export const readEvent = (body: Uint8Array): Reading => {
  const fields = parse(body)
  if (fields === undefined) return MALFORMED
  const { schema = 1 } = fields
  if (typeof schema !== 'number' || !Number.isSafeInteger(schema) || schema < 1) return MALFORMED
  if (schema === 1) return eventOf(fields)
  if (schema > SCHEMA) return { tag: 'future', schema }
  if (E.isLeft(readStrictJson(body))) return MALFORMED
  if (fields.type === 'skip') return skipOf(fields)
  return isUnderstood(fields) ? eventOf(fields) : { tag: 'future', schema }
}
