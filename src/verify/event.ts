/**
 * What a message of the ledger says, read anew from docs and design: no code of `src/ledger` is used here, so that a
 * fault there cannot hide itself (docs/adr/0013).
 */

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
  /** What its writer claims, unread; undefined when it claims nothing. */
  readonly after: unknown
}

export type Reading =
  | { readonly tag: 'event'; readonly event: ReadEvent }
  | { readonly tag: 'malformed' }
  | { readonly tag: 'future'; readonly schema: number }

/** The newest schema that this reading knows; one that the program learns has to be learnt here too. */
const SCHEMA = 1
const LARGEST = 9_223_372_036_854_775_807n
const SMALLEST = -9_223_372_036_854_775_808n
const TRANSACTION_ID = /^[\x21-\x7e]{1,135}$/
const CUSTOMER_ID = /^[A-Za-z0-9][A-Za-z0-9_:@-]{0,63}$/
const MALFORMED: Reading = { tag: 'malformed' }

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** The customer of a subject; undefined when it is no customer's. */
export const customerOf = (subject: string): string | undefined => {
  const id = subject.startsWith('customer.balance.') ? subject.slice('customer.balance.'.length) : ''
  return CUSTOMER_ID.test(id) ? id : undefined
}

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const parse = (body: Uint8Array): Fields | undefined => {
  try {
    const value: unknown = JSON.parse(utf8.decode(body))
    return isFields(value) ? value : undefined
  } catch {
    return undefined
  }
}

/** A whole number within int64, in either of its JSON forms; a number that JSON.parse may have rounded is none. */
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
  isFields(value) &&
  isOneOf(value.command, 'credit', 'debit', 'transfer') &&
  isOneOf(value.code, 'INSUFFICIENT_FUNDS', 'BALANCE_LIMIT') &&
  isId(value.client_id) &&
  wholeOf(value.balance) !== undefined

/** Whether every optional field is absent or as it has to be. */
const optionalsAreRight = ({ transaction_id, reference, metadata, transfer, declined }: Fields): boolean =>
  (transaction_id === undefined ||
    (typeof transaction_id === 'string' && TRANSACTION_ID.test(transaction_id))) &&
  (reference === undefined || typeof reference === 'string') &&
  (metadata === undefined || isFields(metadata)) &&
  (transfer === undefined || (isFields(transfer) && isId(transfer.counterparty))) &&
  (declined === undefined || isDeclined(declined))

const eventOf = (fields: Fields): Reading => {
  const { type, transaction_id, reference, metadata, transfer, declined, after } = fields
  const amount = wholeOf(fields.amount)
  if (!isOneOf(type, 'credit', 'debit', 'declined') || amount === undefined || amount < 1n) return MALFORMED
  if (!optionalsAreRight(fields)) return MALFORMED
  const counterparty = isFields(transfer) ? transfer.counterparty : undefined
  const event = { type, amount, transaction_id, reference, metadata, counterparty, declined, after }
  return { tag: 'event', event: event as ReadEvent }
}

/** What a writer claims as its customer's state after the event; undefined when that cannot be read. */
export const claimOf = (after: unknown): { balance: bigint; version: number } | undefined => {
  if (!isFields(after) || typeof after.version !== 'number') return undefined
  const balance = wholeOf(after.balance)
  return balance === undefined ? undefined : { balance, version: after.version }
}

/** Reads a message's body. Total. */
export const readEvent = (body: Uint8Array): Reading => {
  const fields = parse(body)
  if (fields === undefined) return MALFORMED
  const schema = fields.schema === undefined ? SCHEMA : fields.schema
  if (typeof schema !== 'number' || !Number.isSafeInteger(schema) || schema < 1) return MALFORMED
  return schema > SCHEMA ? { tag: 'future', schema } : eventOf(fields)
}
