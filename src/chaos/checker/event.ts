/**
 * Decodes messages of the ledger stream, following the documented form of events and using no code of the program.
 *
 * The clients of a run publish events of schema 1 only, and no other schema is understood here.
 */

import { field, isObject, type Json, type JsonObject, readJson, textOf, wholeOf } from './json.js'

/** A stored message. `headers` holds the published headers as the server kept them. */
export type Entry = {
  readonly seq: number
  readonly subject: string
  /** The server's time, in nanoseconds since 1970. */
  readonly time_ns: bigint
  readonly headers: ReadonlyMap<string, string>
  readonly body: string
}

export type Event = {
  readonly type: 'credit' | 'debit' | 'declined'
  readonly amount: bigint
  readonly transaction_id: string | undefined
  readonly reference: string | undefined
  readonly metadata: JsonObject | undefined
  readonly counterparty: string | undefined
  /** A stored refusal: the customer whose balance did not allow the command, and that balance. */
  readonly declined: Declined | undefined
  readonly after: Json | undefined
}

type Declined = {
  readonly command: string
  readonly code: string
  readonly client_id: string
  readonly balance: bigint
}

const SUBJECT = 'customer.balance.'
const CUSTOMER = /^[A-Za-z0-9][A-Za-z0-9_:@-]{0,63}$/
const TRANSACTION_ID = /^[\x21-\x7e]{1,135}$/
const KEY_HEADER = 'Chaos-Key'

/** The customer of a subject; undefined when the subject names no valid customer. */
export const customerOf = (subject: string): string | undefined => {
  const id = subject.startsWith(SUBJECT) ? subject.slice(SUBJECT.length) : ''
  return CUSTOMER.test(id) ? id : undefined
}

const isCustomer = (value: Json | undefined): value is string =>
  typeof value === 'string' && CUSTOMER.test(value)

const declinedOf = (value: Json): Declined | undefined => {
  const [command, code] = [textOf(field(value, 'command')), textOf(field(value, 'code'))]
  const [client_id, balance] = [field(value, 'client_id'), wholeOf(field(value, 'balance'))]
  const is_right =
    ['credit', 'debit', 'transfer'].includes(command ?? '') &&
    ['INSUFFICIENT_FUNDS', 'BALANCE_LIMIT'].includes(code ?? '')
  if (!is_right || command === undefined || code === undefined) return undefined
  return isCustomer(client_id) && balance !== undefined ? { command, code, client_id, balance } : undefined
}

/** Reads a field that may be left out. Returns undefined when the field is there but malformed. */
const optional = <A>(
  json: JsonObject,
  name: string,
  read: (value: Json) => A | undefined,
): { readonly value: A | undefined } | undefined => {
  const raw = field(json, name)
  if (raw === undefined) return { value: undefined }
  const value = read(raw)
  return value === undefined ? undefined : { value }
}

const idOf = (value: Json): string | undefined =>
  typeof value === 'string' && TRANSACTION_ID.test(value) ? value : undefined

const counterpartyOf = (value: Json): string | undefined => {
  const id = field(value, 'counterparty')
  return isCustomer(id) ? id : undefined
}

const eventOf = (json: JsonObject): Event | undefined => {
  const [type, amount] = [field(json, 'type'), wholeOf(field(json, 'amount'))]
  if (type !== 'credit' && type !== 'debit' && type !== 'declined') return undefined
  const transaction_id = optional(json, 'transaction_id', idOf)
  const reference = optional(json, 'reference', textOf)
  const metadata = optional(json, 'metadata', value => (isObject(value) ? value : undefined))
  const counterparty = optional(json, 'transfer', counterpartyOf)
  const declined = optional(json, 'declined', declinedOf)
  if (amount === undefined || amount < 1n || !transaction_id || !reference) return undefined
  if (!metadata || !counterparty || !declined) return undefined
  return {
    ...{ type, amount, transaction_id: transaction_id.value, reference: reference.value },
    ...{ metadata: metadata.value, counterparty: counterparty.value, declined: declined.value },
    after: field(json, 'after'),
  }
}

/** Decodes a body: `malformed` when no fold accepts it, `newer` when its schema is newer than 1 and not judged here. */
export const readEvent = (body: string): Event | 'malformed' | 'newer' => {
  const json = readJson(body)
  if (!isObject(json)) return 'malformed'
  const schema = field(json, 'schema') ?? 1n
  if (typeof schema !== 'bigint' || schema < 1n) return 'malformed'
  return schema === 1n ? (eventOf(json) ?? 'malformed') : 'newer'
}

/** The text that identifies a write within the run. It is in the body, or in a header when the body cannot hold it. */
export const keyOf = ({ headers }: Entry, event: Event | undefined): string | undefined =>
  headers.get(KEY_HEADER) ?? event?.reference
