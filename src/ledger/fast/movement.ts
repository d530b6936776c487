/**
 * What the fold needs of an event, read from its bytes: nearly every event has the form in which this program and
 * simple publishers write it, and reading that costs a fifth of making an object of its JSON.
 *
 * The codec stays the law. A body is taken here only when it is exactly of that form, field for field and in this
 * order, without blanks, escapes or bytes beyond ASCII; everything else, wrong or only rare, is `undefined` and goes to
 * the codec. A property test holds both to the same result.
 */

import type { Amount } from '../amount.js'
import { isClientId } from '../client-id.js'
import { type LedgerEvent, STORED_ID_CHARS_MAX } from '../event-body.js'
import { WRITTEN_SCHEMA } from '../schema.js'

/** An event without what the fold has no use for; the id is there only where it ties the two sides of a transfer. */
export type Movement = Pick<LedgerEvent, 'type' | 'amount' | 'transfer' | 'transaction_id' | 'after'>

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

const BEGIN = bytesOf(`{"schema":${WRITTEN_SCHEMA},"type":"`)
const BEGIN_BARE = bytesOf('{"type":"')
const CREDIT = bytesOf('credit","amount":')
const DEBIT = bytesOf('debit","amount":')
const TRANSACTION_ID = bytesOf(',"transaction_id":"')
const TRANSFER = bytesOf(',"transfer":{"counterparty":"')
const REFERENCE = bytesOf(',"reference":"')
const AFTER = bytesOf(',"after":{"balance":')
const VERSION = bytesOf(',"version":')
const QUOTE = bytesOf('"')
const QUOTE_CLOSE = bytesOf('"}')
const CLOSE = bytesOf('}')
const CLOSE_CLOSE = bytesOf('}}')

const ZERO = 0x30
const NINE = 0x39
const LETTER_C = 0x63
/** So many digits are exact, whatever they are; longer numbers are the codec's. */
const DIGITS_MAX = 15

const TEXT = 1
const TOKEN = 2
/** By byte, what it may stand in as it is; quotes and backslashes stand in nothing. */
const KINDS = Uint8Array.from({ length: 256 }, (_, byte) => {
  const char = String.fromCharCode(byte)
  return (/[ !#-[\]-~]/.test(char) ? TEXT : 0) | (/[!#-[\]-~]/.test(char) ? TOKEN : 0)
})

// All of these take where to begin and give where it ends, -1 for what is not there; from -1 nothing is there.

const word = (body: Uint8Array, at: number, expected: Uint8Array): number => {
  const length = expected.length
  if (at < 0 || at + length > body.length) return -1
  for (let i = 0; i < length; i += 1) if (body[at + i] !== expected[i]) return -1
  return at + length
}

const chars = (body: Uint8Array, at: number, kind: number): number => {
  let end = at
  while (((KINDS[body[end] ?? 0] ?? 0) & kind) !== 0) end += 1
  return end
}

/** A whole number without a sign and without a zero before it. */
const whole = (body: Uint8Array, at: number): number => {
  if (at < 0) return -1
  let end = at
  for (let byte = body[end] ?? 0; byte >= ZERO && byte <= NINE; byte = body[end] ?? 0) end += 1
  const digits = end - at
  return digits === 0 || digits > DIGITS_MAX || (digits > 1 && body[at] === ZERO) ? -1 : end
}

// Of a field that is not there they give back where to begin: none has to be.

const transactionId = (body: Uint8Array, at: number): number => {
  const from = word(body, at, TRANSACTION_ID)
  if (from < 0) return at
  const end = chars(body, from, TOKEN)
  return end === from || end - from > STORED_ID_CHARS_MAX ? -1 : word(body, end, QUOTE)
}

const transfer = (body: Uint8Array, at: number): number => {
  const from = word(body, at, TRANSFER)
  return from < 0 ? at : word(body, chars(body, from, TOKEN), QUOTE_CLOSE)
}

const reference = (body: Uint8Array, at: number): number => {
  const from = word(body, at, REFERENCE)
  return from < 0 ? at : word(body, chars(body, from, TEXT), QUOTE)
}

const numberOf = (body: Uint8Array, at: number, end: number): number => {
  let value = 0
  for (let i = at; i < end; i += 1) value = 10 * value + (body[i] ?? 0) - ZERO
  return value
}

const textOf = (body: Uint8Array, at: number, end: number): string =>
  String.fromCharCode(...body.subarray(at, end))

/** The two fields that make an event a side of a transfer; undefined when the counterparty is none. */
const tie = (body: Uint8Array, id_at: number, at: number, end: number) => {
  const counterparty = textOf(body, at + TRANSFER.length, end - QUOTE_CLOSE.length)
  if (!isClientId(counterparty)) return undefined
  const id = id_at === at ? undefined : textOf(body, id_at + TRANSACTION_ID.length, at - QUOTE.length)
  return { ...(id === undefined ? {} : { transaction_id: id }), transfer: { counterparty } }
}

/** What a writer claims, from `at` to the end of the body; null when it claims nothing, undefined when it is not usual. */
const claim = (body: Uint8Array, at: number) => {
  if (word(body, at, CLOSE) === body.length) return null
  const balance_at = word(body, at, AFTER)
  const balance_end = whole(body, balance_at)
  const version_at = word(body, balance_end, VERSION)
  const version_end = whole(body, version_at)
  return word(body, version_end, CLOSE_CLOSE) === body.length
    ? {
        balance: numberOf(body, balance_at, balance_end),
        version: numberOf(body, version_at, version_end),
      }
    : undefined
}

/** The movement of a credit or debit of the usual form; undefined for any other body. */
export const readMovement = (body: Uint8Array): Movement | undefined => {
  const with_schema = word(body, 0, BEGIN)
  // without a schema it is of schema 1
  const type_at = with_schema < 0 ? word(body, 0, BEGIN_BARE) : with_schema
  const type = body[type_at] === LETTER_C ? 'credit' : 'debit'
  const amount_at = word(body, type_at, type === 'credit' ? CREDIT : DEBIT)
  const amount_end = whole(body, amount_at)
  if (amount_end < 0 || body[amount_at] === ZERO) return undefined
  const id_end = transactionId(body, amount_end)
  const transfer_end = transfer(body, id_end)
  const after = claim(body, reference(body, transfer_end))
  if (after === undefined) return undefined
  const amount = BigInt(numberOf(body, amount_at, amount_end)) as Amount
  if (transfer_end === id_end) return after === null ? { type, amount } : { type, amount, after }
  const tied = tie(body, amount_end, id_end, transfer_end)
  if (tied === undefined) return undefined
  return { type, amount, ...tied, ...(after === null ? {} : { after }) }
}
