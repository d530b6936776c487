/**
 * Seals texts under the keys of persons, and opens them: AES-256-GCM under a key that HKDF-SHA-256 derives from the keys of
 * all persons concerned, so that the loss of one of them is enough. Pure.
 *
 * The nonce is a digest of the text and of the transaction id under a key of its own (as in AES-GCM-SIV). So a command that
 * is tried again is sealed to the same bytes, and can be compared with what is stored without being opened; nothing but
 * the same text under the same id gives the same bytes.
 */

import { createCipheriv, createDecipheriv, createHmac, hkdfSync } from 'node:crypto'
import { E } from '../fp.js'
import { isJsonObject, readJson } from '../json.js'
import { metadataOf, type Sealed, type TextField, type Texts } from './form.js'

/** The key of a person: 32 random bytes under a name, `<client_id>.<n>`. */
export type PersonKey = { readonly name: string; readonly bytes: Uint8Array }

export const KEY_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16
const ALGORITHM = 'aes-256-gcm'
const PURPOSE = 'jetledger sealed texts 1'

type Derived = { readonly names: readonly string[]; readonly text: Buffer; readonly nonce: Buffer }

const derive = (keys: readonly PersonKey[]): Derived => {
  const both = Buffer.concat(keys.map(({ bytes }) => bytes))
  const names = keys.map(({ name }) => name)
  const bytes = Buffer.from(hkdfSync('sha256', both, '', `${PURPOSE} ${names.join(' ')}`, 2 * KEY_BYTES))
  return { names, text: bytes.subarray(0, KEY_BYTES), nonce: bytes.subarray(KEY_BYTES) }
}

/** What is authenticated along with a text: a sealed reference is no sealed metadata. */
const contextOf = ({ names }: Derived, field: TextField): Buffer =>
  Buffer.from(`${PURPOSE} ${field} ${names.join(' ')}`)

/** JSON with the names of each object in order, so that equal values have equal texts. */
const canonicalJson = (value: unknown): string =>
  JSON.stringify(value, (_, one: unknown) =>
    isJsonObject(one)
      ? Object.fromEntries(Object.entries(one).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : one,
  )

const seal = (derived: Derived, field: TextField, text: string, id: string): string => {
  const nonce = createHmac('sha256', derived.nonce)
    .update(JSON.stringify([id, field, text]))
    .digest()
    .subarray(0, NONCE_BYTES)
  const cipher = createCipheriv(ALGORITHM, derived.text, nonce)
  cipher.setAAD(contextOf(derived, field))
  return Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]).toString(
    'base64',
  )
}

/** The text; undefined when these keys have not sealed it. */
const open = (derived: Derived, field: TextField, sealed: string): string | undefined => {
  const bytes = Buffer.from(sealed, 'base64')
  if (bytes.length < NONCE_BYTES + TAG_BYTES) return undefined
  const decipher = createDecipheriv(ALGORITHM, derived.text, bytes.subarray(0, NONCE_BYTES))
  decipher.setAAD(contextOf(derived, field))
  decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES))
  try {
    const begun = decipher.update(bytes.subarray(NONCE_BYTES, bytes.length - TAG_BYTES))
    return Buffer.concat([begun, decipher.final()]).toString('utf8')
  } catch {
    // node:crypto tells a wrong key or a changed text in no other way
    return undefined
  }
}

/** The metadata of an event with these texts sealed; `id` is the transaction id of the command. */
export const sealTexts = (
  { reference, metadata }: Texts,
  keys: readonly PersonKey[],
  id: string,
): Record<string, unknown> => {
  const derived = derive(keys)
  return metadataOf({
    keys: derived.names,
    ...(reference === undefined ? {} : { reference: seal(derived, 'reference', reference, id) }),
    ...(metadata === undefined ? {} : { metadata: seal(derived, 'metadata', canonicalJson(metadata), id) }),
  })
}

/** The texts; undefined when these keys, in the order of their names in `sealed`, have not sealed all of them. */
export const openTexts = (sealed: Sealed, keys: readonly PersonKey[]): Texts | undefined => {
  const derived = derive(keys)
  const texts: { reference?: string; metadata?: Record<string, unknown> } = {}
  if (sealed.reference !== undefined) {
    const reference = open(derived, 'reference', sealed.reference)
    if (reference === undefined) return undefined
    texts.reference = reference
  }
  if (sealed.metadata !== undefined) {
    const metadata = readJson(open(derived, 'metadata', sealed.metadata) ?? '')
    if (E.isLeft(metadata) || !isJsonObject(metadata.right)) return undefined
    texts.metadata = metadata.right
  }
  return texts
}
