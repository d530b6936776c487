/**
 * The sealed form of the texts of an event, `reference` and `metadata` (docs/adr/0039-erasure.md).
 *
 * A sealed event has no `reference`, and metadata of one name:
 *
 *     {"sealed":{"keys":["678.1","679.1"],"reference":"<base64>","metadata":"<base64>"}}
 *
 * Metadata is free data, so nothing that folds, stores or compares events has to know of it. Whoever may publish can write
 * this form, too; it counts as sealed only where it can be opened (cipher.ts).
 */

import { isJsonObject } from '../json.js'

/** The texts of a command or of an event. */
export type Texts = {
  readonly reference?: string | undefined
  readonly metadata?: Readonly<Record<string, unknown>> | undefined
}

/** Sealed texts: the names of the keys that open them, and each text that there is, in base64. */
export type Sealed = {
  /** One, or two for a transfer between two persons: `<client_id>.<n>`. */
  readonly keys: readonly string[]
  readonly reference?: string
  readonly metadata?: string
}

/** The fields of an event that are sealed. */
export const TEXT_FIELDS = ['reference', 'metadata'] as const
export type TextField = (typeof TEXT_FIELDS)[number]

/** The name under which sealed texts stand in the metadata. */
const NAME = 'sealed'
const FIELDS: readonly string[] = ['keys', ...TEXT_FIELDS]
const KEYS_MAX = 2

const isKeyNames = (u: unknown): u is readonly string[] =>
  Array.isArray(u) && u.length >= 1 && u.length <= KEYS_MAX && u.every(one => typeof one === 'string')

const isSealed = (u: unknown): u is Sealed =>
  isJsonObject(u) &&
  isKeyNames(u.keys) &&
  TEXT_FIELDS.some(field => u[field] !== undefined) &&
  Object.entries(u).every(
    ([name, value]) => FIELDS.includes(name) && (name === 'keys' || typeof value === 'string'),
  )

/** The sealed texts that metadata are; undefined for any other metadata. */
export const sealedIn = (metadata: unknown): Sealed | undefined => {
  if (!isJsonObject(metadata) || !Object.hasOwn(metadata, NAME)) return undefined
  const { [NAME]: sealed } = metadata
  return Object.keys(metadata).length === 1 && isSealed(sealed) ? sealed : undefined
}

/** Sealed texts as the metadata of an event. */
export const metadataOf = (sealed: Sealed): Record<string, unknown> => ({ [NAME]: sealed })

/** Whether there is a text to seal. */
export const hasTexts = ({ reference, metadata }: Texts): boolean =>
  reference !== undefined || metadata !== undefined
