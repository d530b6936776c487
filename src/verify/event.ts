/**
 * Reads a message of the ledger. It is written from the documents alone and uses no code of `src/ledger`, so that a
 * fault there cannot hide itself (docs/adr/0013).
 */

import { E } from '../fp.js'
import { isJsonObject, readJson, readStrictJson } from '../json.js'
import { isEvent2, isUnderstood, recordOf, type Terms2, termsOf } from './event-2.js'
import {
  type Fields,
  isAccount,
  isCustomerId,
  isOneOf,
  isText,
  isTransactionId,
  onlyHas,
  wholeOf,
} from './values.js'

/** An event as verify reads it. */
export type ReadEvent = Terms2 & {
  readonly type: 'credit' | 'debit' | 'declined' | 'hold' | 'release' | 'limit' | 'state'
  /** Absent in an event of schema 2 that needs none. */
  readonly amount: bigint | undefined
  readonly transaction_id: string | undefined
  readonly reference: string | undefined
  readonly metadata: Fields | undefined
  readonly counterparty: string | undefined
  /** The record of a refusal, with the fields that its schema has. */
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
const MALFORMED: Reading = { tag: 'malformed' }
const TYPES_1 = ['credit', 'debit', 'declined']

/** The account's id in a subject, `<client_id>` or `<client_id>/<ASSET>`; undefined when the subject is no account's. */
export const customerOf = (subject: string): string | undefined => {
  const id = subject.startsWith('customer.balance.') ? subject.slice('customer.balance.'.length) : ''
  return isAccount(id) ? id : undefined
}

const parse = (body: Uint8Array): Fields | undefined => {
  const json = readJson(body)
  return E.isRight(json) && isJsonObject(json.right) ? json.right : undefined
}

const isDeclined = (value: unknown): value is Fields =>
  isJsonObject(value) &&
  isOneOf(value.command, ['credit', 'debit', 'transfer']) &&
  isOneOf(value.code, ['INSUFFICIENT_FUNDS', 'BALANCE_LIMIT']) &&
  isCustomerId(value.client_id) &&
  wholeOf(value.balance) !== undefined

/** Whether every optional field of schema 1 is absent or valid. */
const optionalsAreRight = ({ transaction_id, reference, metadata, transfer, declined }: Fields): boolean =>
  (transaction_id === undefined || isTransactionId(transaction_id, 135)) &&
  (reference === undefined || typeof reference === 'string') &&
  (metadata === undefined || isJsonObject(metadata)) &&
  (transfer === undefined || (isJsonObject(transfer) && isCustomerId(transfer.counterparty))) &&
  (declined === undefined || isDeclined(declined))

/** The fields of a valid event that both schemas have. */
const sharedOf = (body: Fields): ReadEvent => {
  const { type, transaction_id, reference, metadata, transfer, after } = body
  const counterparty = isJsonObject(transfer) ? transfer.counterparty : undefined
  const amount = wholeOf(body.amount)
  return { type, amount, transaction_id, reference, metadata, counterparty, after } as ReadEvent
}

const eventOf1 = (body: Fields): Reading => {
  const { type, declined } = body
  const amount = wholeOf(body.amount)
  if (!isOneOf(type, TYPES_1) || amount === undefined || amount < 1n) return MALFORMED
  if (!optionalsAreRight(body)) return MALFORMED
  if (!isJsonObject(declined)) return { tag: 'event', event: sharedOf(body) }
  // schema 1 does not know the other fields of a record
  const { command, code, client_id, balance } = declined
  return { tag: 'event', event: { ...sharedOf(body), declined: { command, code, client_id, balance } } }
}

const eventOf2 = (body: Fields): Reading => {
  if (!isUnderstood(body)) return { tag: 'future', schema: 2 }
  if (!isEvent2(body)) return MALFORMED
  return { tag: 'event', event: { ...sharedOf(body), ...termsOf(body), declined: recordOf(body.declined) } }
}

export type Claim = { readonly balance: bigint; readonly version: number; readonly rules: string | undefined }

/**
 * The balance, the version and the digest of the rules that a writer claims for the customer after the event; undefined
 * when they cannot be read.
 */
export const claimOf = (after: unknown): Claim | undefined => {
  if (!isJsonObject(after) || typeof after.version !== 'number') return undefined
  const { version, rules } = after
  const balance = wholeOf(after.balance)
  if (balance === undefined || (rules !== undefined && typeof rules !== 'string')) return undefined
  return { balance, version, rules }
}

/** Reads a person's decision. With an unknown field it counts as written by a later program. */
const skipOf = (body: Fields): Reading => {
  if (!onlyHas(body, ['schema', 'type', 'seq', 'reason', 'by'])) return { tag: 'future', schema: 2 }
  const { seq, reason, by } = body
  const is_right = Number.isSafeInteger(seq) && Number(seq) >= 1 && isText(reason, 500) && isText(by, 200)
  return is_right ? { tag: 'skip', seq: Number(seq) } : MALFORMED
}

/** Reads the body of a message on the subject of an account. It never throws: any body has a reading. */
export const readEvent = (body: Uint8Array, id: string): Reading => {
  const fields = parse(body)
  if (fields === undefined) return MALFORMED
  const { schema = 1 } = fields
  if (typeof schema !== 'number' || !Number.isSafeInteger(schema) || schema < 1) return MALFORMED
  // schema 1 knows no accounts of assets
  if (schema === 1) return id.includes('/') ? MALFORMED : eventOf1(fields)
  if (schema > SCHEMA) return { tag: 'future', schema }
  if (E.isLeft(readStrictJson(body))) return MALFORMED
  return fields.type === 'skip' ? skipOf(fields) : eventOf2(fields)
}
