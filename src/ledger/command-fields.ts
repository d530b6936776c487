/** The codecs of the fields that every command may have. */

import { t } from '../fp.js'
import { DEPTH_MAX, isJsonObject, type JsonObject } from '../json.js'
import { SECOND_LEG, TransactionId } from './event-body.js'

const METADATA_KEYS_MAX = 16
const METADATA_BYTES_MAX = 2_048
const METADATA_RULE = `must be an object of at most ${METADATA_KEYS_MAX} keys and ${METADATA_BYTES_MAX} bytes, without halves of surrogate pairs`
const REFERENCE_CHARS_MAX = 256
const REFERENCE_RULE = `must be a text of at most ${REFERENCE_CHARS_MAX} characters, without halves of surrogate pairs`

/** Half a surrogate pair is not text: a table cannot keep it, so a retry would not be recognised. */
const isText = (u: unknown): u is string => typeof u === 'string' && !/\p{Surrogate}/u.test(u)

/** Whether a table can keep every text and name of a value. Deeper nesting than the strict reading allows is refused. */
const isStorable = (u: unknown, depth: number): boolean => {
  if (typeof u === 'string') return isText(u)
  if (typeof u === 'number') return Number.isFinite(u)
  if (typeof u !== 'object' || u === null) return u === null || typeof u === 'boolean'
  if (depth >= DEPTH_MAX) return false
  if (Array.isArray(u)) return u.every(one => isStorable(one, depth + 1))
  return Object.entries(u).every(([name, value]) => isText(name) && isStorable(value, depth + 1))
}

const isSmall = (u: JsonObject): boolean =>
  Object.keys(u).length <= METADATA_KEYS_MAX &&
  new TextEncoder().encode(JSON.stringify(u)).length <= METADATA_BYTES_MAX

/** Free data that a caller may add to an event. It is bounded, so that every table and every reply can carry it. */
const Metadata = new t.Type<Record<string, unknown>, Record<string, unknown>, unknown>(
  'Metadata',
  t.UnknownRecord.is,
  (u, context) => {
    if (!isJsonObject(u) || !isStorable(u, 0) || !isSmall(u)) return t.failure(u, context, METADATA_RULE)
    return t.success(u)
  },
  t.identity,
)

/** The purpose of an event, in the caller's words. */
const Reference = new t.Type<string, string, unknown>(
  'Reference',
  t.string.is,
  (u, context) =>
    isText(u) && u.length <= REFERENCE_CHARS_MAX ? t.success(u) : t.failure(u, context, REFERENCE_RULE),
  t.identity,
)

/** Decodes the transaction id that a caller brings. */
const CommandId = new t.Type<string, string, unknown>(
  'TransactionId',
  t.string.is,
  (u, context) =>
    typeof u === 'string' && u.endsWith(SECOND_LEG)
      ? t.failure(u, context, `must not end in ${SECOND_LEG}: that is the id of a transfer's second event`)
      : TransactionId.validate(u, context),
  String,
)

export const OPTIONAL = { transaction_id: CommandId, reference: Reference, metadata: Metadata }
