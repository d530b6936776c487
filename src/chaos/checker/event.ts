/** Decodes messages of the ledger stream, following the documented form of events and using no code of the program. */

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
  readonly type: 'credit' | 'debit' | 'declined' | 'hold' | 'release' | 'limit' | 'state'
  /** Undefined for an event without one, such as a limit. */
  readonly amount: bigint | undefined
  readonly transaction_id: string | undefined
  readonly reference: string | undefined
  readonly metadata: JsonObject | undefined
  readonly counterparty: string | undefined
  /** A stored refusal: the customer whose balance did not allow the command, and that balance. */
  readonly declined: Declined | undefined
  readonly after: Json | undefined
  /** The fields that only schema 2 has, as they stand in the event. */
  readonly details: JsonObject
} & Rules

/** What the fields of schema 2 say. */
type Rules = {
  readonly at_ms: number | undefined
  readonly hold: string | undefined
  readonly is_final: boolean
  readonly is_expiry: boolean
  readonly expires_ms: number | undefined
  readonly limit: bigint | undefined
  readonly state: string | undefined
  readonly reason: string | undefined
  readonly until_ms: number | undefined
}

export type Declined = {
  readonly command: string
  readonly code: string
  readonly client_id: string
  readonly balance: bigint
  /** The fields that only schema 2 has, in their order. */
  readonly more: JsonObject
}

const SUBJECT = 'customer.balance.'
/** A customer's account in another asset than the default one. */
const ACCOUNT = /^[A-Za-z0-9][A-Za-z0-9_:@-]{0,63}\/[A-Z][A-Z0-9]{0,15}$/
const CUSTOMER = /^[A-Za-z0-9][A-Za-z0-9_:@-]{0,63}$/
const TRANSACTION_ID = /^[\x21-\x7e]{1,135}$/
const KEY_HEADER = 'Chaos-Key'

/** The account of a subject; undefined when the subject names no valid one. */
export const customerOf = (subject: string): string | undefined => {
  const id = subject.startsWith(SUBJECT) ? subject.slice(SUBJECT.length) : ''
  return isAccount(id) ? id : undefined
}

const isAccount = (value: Json | undefined): value is string =>
  typeof value === 'string' && (CUSTOMER.test(value) || ACCOUNT.test(value))

const COMMANDS = ['credit', 'debit', 'transfer']
const CODES = ['INSUFFICIENT_FUNDS', 'BALANCE_LIMIT']
const COMMANDS_2 = [...COMMANDS, 'hold', 'capture', 'release', 'limit', 'restrict', 'reverse']
const CODES_2 = [
  ...CODES,
  ...['HOLD_EXISTS', 'HOLD_NOT_OPEN', 'HOLD_EXCEEDED', 'LIMIT_REACHED', 'ACCOUNT_RESTRICTED', 'NOT_EMPTY'],
  'REVERSAL_EXCEEDED',
]
const DECLINED_DETAILS = ['available', 'held', 'remaining', 'state', 'reason']

/** The fields of `names` that an object has, in that order. */
const pick = (json: Json, names: readonly string[]): JsonObject =>
  Object.fromEntries(
    names.flatMap(name => {
      const value = field(json, name)
      return value === undefined ? [] : [[name, value] as const]
    }),
  )

const declinedOf =
  (commands: readonly string[], codes: readonly string[]) =>
  (value: Json): Declined | undefined => {
    const [command, code] = [textOf(field(value, 'command')), textOf(field(value, 'code'))]
    const [client_id, balance] = [field(value, 'client_id'), wholeOf(field(value, 'balance'))]
    if (command === undefined || !commands.includes(command)) return undefined
    if (code === undefined || !codes.includes(code)) return undefined
    if (!isAccount(client_id) || balance === undefined) return undefined
    return { command, code, client_id, balance, more: pick(value, DECLINED_DETAILS) }
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
  return isAccount(id) ? id : undefined
}

type Shared = Omit<Event, keyof Rules | 'type' | 'amount' | 'details'>

/** The fields that both schemas have, besides type and amount. */
const sharedOf = (
  json: JsonObject,
  readDeclined: (value: Json) => Declined | undefined,
): Shared | undefined => {
  const transaction_id = optional(json, 'transaction_id', idOf)
  const reference = optional(json, 'reference', textOf)
  const metadata = optional(json, 'metadata', value => (isObject(value) ? value : undefined))
  const counterparty = optional(json, 'transfer', counterpartyOf)
  const declined = optional(json, 'declined', readDeclined)
  if (!transaction_id || !reference || !metadata || !counterparty || !declined) return undefined
  return {
    ...{ transaction_id: transaction_id.value, reference: reference.value, metadata: metadata.value },
    ...{ counterparty: counterparty.value, declined: declined.value, after: field(json, 'after') },
  }
}

const PLAIN: Rules & Pick<Event, 'details'> = {
  ...{ at_ms: undefined, hold: undefined, is_final: true, is_expiry: false, expires_ms: undefined },
  ...{ limit: undefined, state: undefined, reason: undefined, until_ms: undefined, details: {} },
}

const plainOf = (json: JsonObject): Event | undefined => {
  const [type, amount] = [field(json, 'type'), wholeOf(field(json, 'amount'))]
  if (type !== 'credit' && type !== 'debit' && type !== 'declined') return undefined
  const shared = sharedOf(json, declinedOf(COMMANDS, CODES))
  if (amount === undefined || amount < 1n || !shared) return undefined
  // schema 1 knows no accounts of assets
  if ([shared.counterparty, shared.declined?.client_id].some(id => ACCOUNT.test(id ?? ''))) return undefined
  return { type, amount, ...shared, ...PLAIN }
}

const TYPES = ['credit', 'debit', 'declined', 'hold', 'release', 'limit', 'state'] as const
/** The order in which the journal has them. */
const DETAILS = [
  ...[
    'hold',
    'final',
    'expires_at',
    'expired',
    'limit',
    'state',
    'reason',
    'until',
    'at',
    'reverses',
    'reversal_id',
  ],
]
const KNOWN = [
  'schema',
  'type',
  'amount',
  'transaction_id',
  'reference',
  'metadata',
  'transfer',
  'declined',
  'after',
  ...DETAILS,
]

const timeOf = (value: Json | undefined): number | undefined => {
  const ms = Date.parse(textOf(value) ?? '')
  return Number.isNaN(ms) ? undefined : ms
}

/**
 * Reads an event of schema 2. Who makes them in a run, the program and the clients, makes no malformed ones: so a body with
 * everything that it needs is believed, and any other one is not judged.
 */
const rulesOf = (json: JsonObject): Event | undefined => {
  const type = TYPES.find(one => one === field(json, 'type'))
  const shared = sharedOf(json, declinedOf(COMMANDS_2, CODES_2))
  if (type === undefined || !shared || Object.keys(json).some(name => !KNOWN.includes(name))) return undefined
  return {
    ...{ type, amount: wholeOf(field(json, 'amount')), ...shared, details: pick(json, DETAILS) },
    at_ms: timeOf(field(json, 'at')),
    hold: textOf(field(json, 'hold')),
    is_final: field(json, 'final') !== false,
    is_expiry: field(json, 'expired') === true,
    expires_ms: timeOf(field(json, 'expires_at')),
    limit: wholeOf(field(json, 'limit')),
    state: textOf(field(json, 'state')),
    reason: textOf(field(json, 'reason')),
    until_ms: timeOf(field(json, 'until')),
  }
}

/** Decodes a body: `malformed` when no fold accepts it, `newer` when it is not judged here. */
export const readEvent = (body: string, id: string | undefined): Event | 'malformed' | 'newer' => {
  const json = readJson(body)
  if (!isObject(json)) return 'malformed'
  const schema = field(json, 'schema') ?? 1n
  if (typeof schema !== 'bigint' || schema < 1n) return 'malformed'
  if (schema === 2n) return rulesOf(json) ?? 'newer'
  // schema 1 knows no accounts of assets
  return schema === 1n ? ((ACCOUNT.test(id ?? '') ? undefined : plainOf(json)) ?? 'malformed') : 'newer'
}

/** The text that identifies a write within the run. It is in the body, or in a header when the body cannot hold it. */
export const keyOf = ({ headers }: Entry, event: Event | undefined): string | undefined =>
  headers.get(KEY_HEADER) ?? event?.reference
