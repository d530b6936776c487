/**
 * Keys for signed heads: Ed25519 keys in the form of NATS's nkeys, which operators of NATS have tools for (`nk`, `nsc`).
 *
 * An nkey is base32 of a prefix (one byte, two for a seed), the 32 bytes of the key, and a CRC-16. Node's own Ed25519 does
 * the arithmetic: the client's own takes milliseconds for each signature, and `verify --chain` checks each signature of a long ledger.
 */

import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto'
import { E, type Either } from '../fp.js'

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
const KEY_BYTES = 32
const CRC_BYTES = 2
const CRC_POLYNOMIAL = 0x1021
const SEED_PREFIX = 18 << 3
/** The prefixes of nkeys: operator, account, user, server, cluster. */
const PUBLIC_PREFIXES: readonly number[] = [14 << 3, 0, 20 << 3, 13 << 3, 2 << 3]
const USER_PREFIX = 20 << 3

/** The fixed bytes of a key's DER form, before the 32 bytes of the key. */
const PRIVATE_DER = Buffer.from('302e020100300506032b657004220420', 'hex')
const PUBLIC_DER = Buffer.from('302a300506032b6570032100', 'hex')

const crc16 = (bytes: Uint8Array): number => {
  let crc = 0
  for (const byte of bytes) {
    crc ^= byte << 8
    for (let bit = 0; bit < 8; bit += 1)
      crc = crc & 0x8000 ? ((crc << 1) ^ CRC_POLYNOMIAL) & 0xffff : (crc << 1) & 0xffff
  }
  return crc
}

const encode32 = (bytes: Uint8Array): string => {
  let [text, bits, value] = ['', 0, 0]
  for (const byte of bytes) {
    value = ((value << 8) | byte) & 0xfff
    for (bits += 8; bits >= 5; bits -= 5) text += ALPHABET[(value >> (bits - 5)) & 31]
  }
  return bits === 0 ? text : text + ALPHABET[(value << (5 - bits)) & 31]
}

const decode32 = (text: string): Buffer | undefined => {
  const bytes: number[] = []
  let [bits, value] = [0, 0]
  for (const char of text) {
    const digit = ALPHABET.indexOf(char)
    if (digit === -1) return undefined
    value = ((value << 5) | digit) & 0xfff
    bits += 5
    if (bits >= 8) {
      bits -= 8
      bytes.push((value >> bits) & 0xff)
    }
  }
  return Buffer.from(bytes)
}

/** Adds the checksum and encodes. */
const seal = (bytes: Uint8Array): string => {
  const sum = Buffer.alloc(CRC_BYTES)
  sum.writeUInt16LE(crc16(bytes))
  return encode32(Buffer.concat([bytes, sum]))
}

/** Decodes and checks the checksum; undefined when the text is no nkey of this length. */
const unseal = (text: string, prefix_bytes: number): Buffer | undefined => {
  const bytes = decode32(text)
  if (bytes?.length !== prefix_bytes + KEY_BYTES + CRC_BYTES) return undefined
  const body = bytes.subarray(0, -CRC_BYTES)
  // the same key must not have two texts
  return crc16(body) === bytes.readUInt16LE(body.length) && encode32(bytes) === text ? body : undefined
}

const publicKeys = new Map<string, KeyObject>()
const PUBLIC_KEYS_MAX = 100

const publicKeyOf = (nkey: string): KeyObject | undefined => {
  const known = publicKeys.get(nkey)
  if (known !== undefined) return known
  const bytes = unseal(nkey, 1)
  if (bytes === undefined || !PUBLIC_PREFIXES.includes(bytes[0] ?? -1)) return undefined
  const key = createPublicKey({
    key: Buffer.concat([PUBLIC_DER, bytes.subarray(1)]),
    format: 'der',
    type: 'spki',
  })
  if (publicKeys.size < PUBLIC_KEYS_MAX) publicKeys.set(nkey, key)
  return key
}

/** Whether a text is a public nkey. */
export const isPublicNkey = (text: string): boolean => publicKeyOf(text) !== undefined

/** Whether `signature` was made over `text` with the secret half of `nkey`; false also when that is no public nkey. */
export const isSigned = (nkey: string, text: string, signature: Uint8Array): boolean => {
  const key = publicKeyOf(nkey)
  return key !== undefined && verify(null, Buffer.from(text), key, signature)
}

/** Signs heads. A key management service could stand behind it as well: nothing else knows the secret. */
export type Signer = {
  /** The public nkey. */
  readonly key: string
  readonly sign: (text: string) => Promise<Uint8Array>
}

const publicBytesOf = (key: KeyObject): Buffer =>
  createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(PUBLIC_DER.length)

/** The signer of a seed (`SU...`, also of another kind). Left is a sentence, which does not hold the seed. */
export const signerOf = (seed: string): Either<string, Signer> => {
  const bytes = unseal(seed.trim(), 2)
  const [first = 0, second = 0] = bytes ?? []
  // the two bytes hold five bits that mean "seed" and eight bits of the public key's prefix
  const prefix = ((first & 0b111) << 5) | (second >> 3)
  if (bytes === undefined || (first & 0b1111_1000) !== SEED_PREFIX || !PUBLIC_PREFIXES.includes(prefix))
    return E.left('it holds no seed of an nkey, such as "jetledger heads key" writes')
  const der = Buffer.concat([PRIVATE_DER, bytes.subarray(2)])
  const secret = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  return E.right({
    key: seal(Buffer.concat([Uint8Array.of(prefix), publicBytesOf(secret)])),
    sign: text => Promise.resolve(sign(null, Buffer.from(text), secret)),
  })
}

/** Makes the seed of a new key of the kind "user". */
export const newSeed = (): string => {
  const { privateKey } = generateKeyPairSync('ed25519')
  const secret = privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(PRIVATE_DER.length)
  const prefix = Uint8Array.of(SEED_PREFIX | (USER_PREFIX >> 5), (USER_PREFIX & 31) << 3)
  return seal(Buffer.concat([prefix, secret]))
}
