/**
 * Decodes events from the bytes of a message, and encodes them.
 *
 * Known fields must have the right type. Schema 1 ignores unknown fields; an event of schema 2 with an unknown field waits
 * for a newer program that knows the field (`schema.ts`).
 */

import { E, pipe, t } from '../fp.js'
import { isJsonObject, type JsonObject, readJson, readStrictJson } from '../json.js'
import { type AccountId, isOfAsset } from './account-id.js'
import { amountJson, Balance, toJson } from './amount.js'
import { describeErrors, fieldsOf } from './codec.js'
import { EventBody, type LedgerEvent, STORED_ID_CHARS_MAX } from './event-body.js'
import { decodeFields2 } from './event-body-2.js'
import { encodeFields2, isPlain } from './event-json-2.js'
import { readMovement } from './fast/movement.js'
import { quoted } from './fast/quoted.js'
import { usualEvent } from './fast/usual.js'
import type { AccountRules } from './rules.js'
import { rulesDigest } from './rules-text.js'
import { isKnown, NEWEST_SCHEMA, PLAIN_SCHEMA, schemaOf } from './schema.js'
import { readSkip, type Skip } from './skip.js'

export {
  type LedgerEvent,
  LONGEST_ID_CHARS_MAX,
  SECOND_LEG,
  TRANSACTION_ID_CHARS_MAX,
  TransactionId,
} from './event-body.js'
export { detailsJson, detailsOf, isPlain } from './event-json-2.js'
export { NEWEST_SCHEMA } from './schema.js'

const After = fieldsOf({ balance: Balance, version: t.number }, { rules: t.string })

export type Decoded =
  | { readonly tag: 'event'; readonly event: LedgerEvent }
  | { readonly tag: 'malformed'; readonly reason: string }
  | { readonly tag: 'future'; readonly schema: number }
  /** A decision to skip an earlier event of a schema that no program knew. */
  | { readonly tag: 'skip'; readonly skip: Skip }

const malformed = (reason: string): Decoded => ({ tag: 'malformed', reason })

const decodeFields = (body: JsonObject): Decoded =>
  pipe(
    EventBody.decode(body),
    E.match(
      errors => malformed(describeErrors(errors)),
      event => ({ tag: 'event', event }),
    ),
  )

const decodeRules = (body: JsonObject): Decoded =>
  pipe(
    decodeFields2(body),
    E.match(malformed, (event): Decoded => ({ tag: 'event', event })),
  )

const decodeSkip = (body: JsonObject): Decoded =>
  pipe(
    readSkip(body),
    E.match(malformed, skip => ({ tag: 'skip', skip })),
  )

/**
 * Decodes a parsed body of any shape with the codec, which defines the result; the fast paths must give the same one.
 * `source` is the text that it was parsed from, for the schemas that are read strictly; without it the body is taken to
 * have no faults of JSON.
 */
export const decodeParsed = (json: unknown, source?: Uint8Array): Decoded => {
  if (!isJsonObject(json)) return malformed('not a JSON object')
  const schema = schemaOf(json)
  if (schema === undefined) return malformed('schema: must be a whole number of at least 1')
  if (schema === 1) return decodeFields(json)
  if (schema > NEWEST_SCHEMA) return { tag: 'future', schema }
  const strict = source === undefined ? E.right(json) : readStrictJson(source)
  if (E.isLeft(strict)) return malformed(strict.left.message)
  if (!isKnown(json)) return { tag: 'future', schema }
  return json.type === 'skip' ? decodeSkip(json) : decodeRules(json)
}

/** Decodes a message's body alone, for those who look for an id in it. Whether it counts depends on its account too. */
export const decodeBody = (body: Uint8Array): Decoded => {
  const json = readJson(body)
  if (E.isLeft(json)) return malformed(`not JSON: ${json.left}`)
  const event = isJsonObject(json.right) ? usualEvent(json.right, STORED_ID_CHARS_MAX) : undefined
  return event === undefined ? decodeParsed(json.right, body) : { tag: 'event', event }
}

/**
 * Schema 1 knows no account of an asset: before there were assets, everything on such a subject was a dead letter, and what
 * is of schema 1 stays one for ever (docs/adr/0058-assets.md).
 */
const decodeOfAsset = (body: Uint8Array): Decoded => {
  const json = readJson(body)
  return E.isRight(json) && isJsonObject(json.right) && schemaOf(json.right) === PLAIN_SCHEMA
    ? malformed('schema: must be 2 on the subject of an asset')
    : decodeBody(body)
}

/**
 * Decodes the body of a message on the subject of the account `id`. It is total: every body is an event, malformed, of a
 * newer schema, or a decision.
 */
export const decodeEvent = (body: Uint8Array, id: AccountId): Decoded =>
  isOfAsset(id) ? decodeOfAsset(body) : decodeBody(body)

/**
 * Decodes as much of a message's body as a fold of balances needs. The result folds to the same state as that of
 * `decodeEvent`, but an event may lack its reference, its metadata, and its id unless it belongs to a transfer.
 */
export const decodeMovement = (body: Uint8Array, id: AccountId): Decoded => {
  const event = isOfAsset(id) ? undefined : readMovement(body)
  return event === undefined ? decodeEvent(body, id) : { tag: 'event', event }
}

/** `rules` is the digest of the account's rules; absent for a plain account. */
export type Claim = {
  readonly balance: bigint
  readonly version: number
  readonly rules?: string | undefined
}

/** Reads a claim in the form that this program writes for exact numbers; undefined for any other form. */
const usualClaim = (after: unknown): Claim | undefined => {
  if (typeof after !== 'object' || after === null || !('balance' in after) || !('version' in after))
    return undefined
  if ('rules' in after) return undefined
  const { balance, version } = after
  return typeof version === 'number' && typeof balance === 'number' && Number.isSafeInteger(balance)
    ? { balance: BigInt(balance), version }
    : undefined
}

/** The state after the event as its writer claims it; undefined when the event has no claim or an unreadable one. */
export const claimedAfter = ({ after }: LedgerEvent): Claim | undefined =>
  usualClaim(after) ??
  pipe(
    After.decode(after),
    E.getOrElseW(() => undefined),
  )

const bigintsToJson = (_: string, value: unknown): unknown =>
  typeof value === 'bigint' ? toJson(value) : value

/**
 * The body of an event of an account as this program writes it, in the lowest schema that can express it. It is put together by hand,
 * because `JSON.stringify` with a replacer for every value takes longer than all the rest of a command.
 */
export const encodeEvent = (event: LedgerEvent, id: AccountId): string => {
  let json =
    isPlain(event) && !isOfAsset(id)
      ? `{"schema":${PLAIN_SCHEMA},"type":"${event.type}","amount":${amountJson(event.amount)}`
      : encodeFields2(event)
  const { transaction_id, transfer, reference, metadata } = event
  if (transaction_id !== undefined) json += `,"transaction_id":${quoted(transaction_id)}`
  if (transfer !== undefined) json += `,"transfer":{"counterparty":${quoted(transfer.counterparty)}}`
  if (reference !== undefined) json += `,"reference":${quoted(reference)}`
  if (metadata !== undefined) json += `,"metadata":${JSON.stringify(metadata, bigintsToJson)}`
  if (event.type === 'declined' && event.declined !== undefined)
    json += `,"declined":${JSON.stringify(event.declined, bigintsToJson)}`
  if (event.after !== undefined) json += `,"after":${afterJson(event.after)}`
  return `${json}}`
}

type State = { readonly balance: bigint; readonly version: number; readonly rules?: AccountRules | undefined }

const isState = (after: unknown): after is State =>
  typeof after === 'object' &&
  after !== null &&
  'balance' in after &&
  typeof after.balance === 'bigint' &&
  'version' in after &&
  typeof after.version === 'number'

/** Encodes `after`. A claim of this program is an account; another writer's may be any JSON. */
const afterJson = (after: unknown): string => {
  if (!isState(after)) return JSON.stringify(after, bigintsToJson)
  const rules = rulesDigest(after.rules)
  const digest = rules === undefined ? '' : `,"rules":"${rules}"`
  return `{"balance":${amountJson(after.balance)},"version":${after.version}${digest}}`
}
