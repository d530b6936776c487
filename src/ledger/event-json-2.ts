/** Writes events of schema 2, and tells which ones need it. */

import { E } from '../fp.js'
import { isJsonObject, type JsonObject, readJson } from '../json.js'
import { isOfAsset } from './account-id.js'
import { amountJson } from './amount.js'
import type { DeclinedRecord, LedgerEvent, MoneyEvent } from './event-body.js'
import { quoted } from './fast/quoted.js'

/** The commands and codes that schema 1 can record. */
const PLAIN_COMMANDS: ReadonlySet<string> = new Set(['credit', 'debit', 'transfer'])
const PLAIN_CODES: ReadonlySet<string> = new Set(['INSUFFICIENT_FUNDS', 'BALANCE_LIMIT'])

const isPlainRecord = ({ command, code, available }: DeclinedRecord): boolean =>
  PLAIN_COMMANDS.has(command) && PLAIN_CODES.has(code) && available === undefined

/** Whether schema 1 can express an event. */
export const isPlain = (event: LedgerEvent): event is MoneyEvent & { readonly amount: bigint } => {
  if (event.at_ms !== undefined || event.reverses !== undefined || event.reversal_id !== undefined)
    return false
  if (event.transfer !== undefined && isOfAsset(event.transfer.counterparty)) return false
  switch (event.type) {
    case 'credit':
      return true
    case 'debit':
      return event.hold === undefined
    case 'declined':
      return event.amount !== undefined && (event.declined === undefined || isPlainRecord(event.declined))
    default:
      return false
  }
}

const timeJson = (ms: number): string => `"${new Date(ms).toISOString()}"`

/** The fields that all types may have, and that schema 1 does not have. */
const sharedFields = ({ at_ms, reverses, reversal_id }: LedgerEvent): string => {
  const at = at_ms === undefined ? '' : `,"at":${timeJson(at_ms)}`
  const original = reverses === undefined ? '' : `,"reverses":${quoted(reverses)}`
  return `${at}${original}${reversal_id === undefined ? '' : `,"reversal_id":${quoted(reversal_id)}`}`
}

type Own = {
  readonly amount?: bigint | undefined
  readonly hold?: string | undefined
  readonly final?: boolean | undefined
  readonly expired?: true | undefined
  readonly expires_ms?: number | undefined
  readonly limit?: bigint | undefined
  readonly state?: string | undefined
  readonly reason?: string | undefined
  readonly until_ms?: number | undefined
}

/** The fields that only some types of events have; each is left out when the event does not have it. */
const ownFields = (event: Own): string => {
  const { amount, hold, final, expires_ms, expired, limit, state, reason, until_ms } = event
  let json = ''
  if (amount !== undefined) json += `,"amount":${amountJson(amount)}`
  if (hold !== undefined) json += `,"hold":${quoted(hold)}`
  if (final !== undefined) json += `,"final":${final}`
  if (expired !== undefined) json += ',"expired":true'
  if (expires_ms !== undefined) json += `,"expires_at":${timeJson(expires_ms)}`
  if (limit !== undefined) json += `,"limit":${amountJson(limit)}`
  if (state !== undefined) json += `,"state":"${state}"`
  if (reason !== undefined) json += `,"reason":${quoted(reason)}`
  if (until_ms !== undefined) json += `,"until":${timeJson(until_ms)}`
  return json
}

/**
 * The fields of an event that schema 1 does not have, as a JSON object; undefined for an event without any. The rows of
 * the journal keep them as they stand in the event.
 */
export const detailsJson = (event: LedgerEvent): string | undefined => {
  const json = ownFields({ ...event, amount: undefined }) + sharedFields(event)
  return json === '' ? undefined : `{${json.slice(1)}}`
}

/** The same fields as a JSON object. */
export const detailsOf = (event: LedgerEvent): JsonObject | undefined => {
  const details = readJson(detailsJson(event) ?? '')
  return E.isRight(details) && isJsonObject(details.right) ? details.right : undefined
}

/** The beginning of the JSON of an event of schema 2: all its fields but those that schema 1 has too. */
export const encodeFields2 = (event: LedgerEvent): string =>
  `{"schema":2,"type":"${event.type}"${ownFields(event)}${sharedFields(event)}`
