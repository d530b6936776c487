/**
 * Describes the chunks of the checkpoint of transaction ids: their names, and the hashes of ids that they hold
 * (docs/adr/0036). It uses no code of `src/commands`, so that a fault there cannot hide itself.
 *
 * The name of a chunk is a subject `customer.transaction-ids.<index>.<before>.<own>`. `own` is a hash of the chunk's last
 * event and of `before`, the name of the chunk before, and of the newest schema that its writer knew. The body has 8 bytes for each event, by its place: the hash of its
 * transaction id, or zeros for an event without one.
 */

import { createHash } from 'node:crypto'
import type { Recorded } from '../stream/recorded.js'
import { TRANSACTION_IDS_PREFIX } from '../stream/settings.js'

export const HASH_BYTES = 8
/** The newest schema of events that a writer of chunks has to know. */
const SCHEMA = 2

export type ChunkSubject = {
  readonly subject: string
  readonly index: number
  readonly before: string
  readonly own: string
}

const PARTS = /^(\d{1,12})\.([\w-]{1,22})\.([\w-]{22})$/

/** The parts of a chunk's subject; undefined for any other subject. */
export const chunkOf = (subject: string): ChunkSubject | undefined => {
  if (!subject.startsWith(TRANSACTION_IDS_PREFIX)) return undefined
  const [, index, before = '', own = ''] = PARTS.exec(subject.slice(TRANSACTION_IDS_PREFIX.length)) ?? []
  return index === undefined ? undefined : { subject, index: Number(index), before, own }
}

const base64 = (...parts: readonly (string | Uint8Array)[]): string => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest('base64url')
}

/** Whether the name of a chunk follows from `last`, the event of the ledger at the chunk's end. */
export const endsWith = ({ before, own }: ChunkSubject, last: Recorded): boolean => {
  const checksum = base64(last.subject, '\n', last.body)
  return (
    own === base64(`${SCHEMA} ${before} ${last.seq} ${last.at.getTime()} ${checksum}`).slice(0, own.length)
  )
}

const BEGIN = [0x51ed270b, 0x2f6b4a31] as const
const FACTORS = [0x9e3779b1, 0x5f356495] as const

const scramble = (word: number): number => {
  const once = Math.imul(word ^ (word >>> 16), 0x85ebca6b)
  const twice = Math.imul(once ^ (once >>> 13), 0xc2b2ae35)
  return twice ^ (twice >>> 16)
}

const rotate5 = (word: number): number => (word << 5) | (word >>> 27)

/** Writes the hash of an id to `body` at a place: two words, the low one first, in little-endian order. */
export const writeHash = (body: DataView, place: number, id: string): void => {
  let [low, high]: [number, number] = [...BEGIN]
  for (let i = 0; i < id.length; i += 1) {
    const code = id.charCodeAt(i)
    low = Math.imul(low ^ code, FACTORS[0])
    high = Math.imul(rotate5(high) ^ code, FACTORS[1])
  }
  const scrambled = scramble(low ^ id.length)
  const words = [scrambled ^ scramble(high), scramble(high + Math.imul(scrambled, FACTORS[1]))] as const
  const is_zero = words[0] === 0 && words[1] === 0
  body.setInt32(place * HASH_BYTES, words[0], true)
  body.setInt32(place * HASH_BYTES + 4, is_zero ? 1 : words[1], true)
}
