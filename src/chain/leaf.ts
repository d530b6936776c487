/**
 * Turns an event of the ledger stream into a leaf of the tree: the exact bytes that a signed head vouches for.
 *
 * A leaf is SHA-256 over, in this order: the byte 0, the sequence and the stored time in nanoseconds (8 bytes each), and
 * subject, headers and body, each behind its length (4 bytes); all numbers are big-endian. These are all things that
 * nats-server keeps of a message, and all that a backup brings back as it was. So a leaf depends on nothing that a client
 * or this program makes of a message, and programs in other languages can compute it (docs/tamper-evidence.md).
 *
 * A sequence without an event has a leaf too, so that leaf n always belongs to sequence n + 1: it has the time 0, and no
 * subject, headers and body. No event has the time 0.
 */

import { HASH_BYTES, LEAF, sha256 } from './sha256.js'

/** What a leaf is made of. */
export type Entry = {
  readonly seq: number
  /** The time at which nats-server stored the event, in nanoseconds since 1970; 0: there is no event. */
  readonly time_ns: bigint
  readonly subject: string
  /** The header block as it is stored, without its last two bytes; empty when there are no headers. */
  readonly headers: Uint8Array
  readonly body: Uint8Array
}

/** A leaf as it is kept beside the head that signs it. The time is kept to tell a changed time from a changed event. */
export type Leaf = { readonly time_ns: bigint; readonly hash: Buffer }

const EMPTY = new Uint8Array(0)

/** The entry of a sequence that holds no event. */
export const holeAt = (seq: number): Entry => ({ seq, time_ns: 0n, subject: '', headers: EMPTY, body: EMPTY })

export const isHole = ({ time_ns }: Pick<Entry, 'time_ns'>): boolean => time_ns === 0n

/** The bytes of an entry's numbers: sequence, time, and the lengths of subject, headers and body. */
const NUMBERS_BYTES = 28

/** The hash of an entry. It is made from one buffer, because a check of a whole ledger makes one for each event. */
export const hashOf = ({ seq, time_ns, subject, headers, body }: Entry): Buffer => {
  const subject_bytes = Buffer.byteLength(subject)
  const bytes = Buffer.allocUnsafe(1 + NUMBERS_BYTES + subject_bytes + headers.length + body.length)
  let at = bytes.writeUInt8(LEAF, 0)
  at = bytes.writeBigUInt64BE(BigInt(seq), at)
  at = bytes.writeBigUInt64BE(time_ns, at)
  at = bytes.writeUInt32BE(subject_bytes, at)
  at += bytes.write(subject, at)
  for (const part of [headers, body]) {
    at = bytes.writeUInt32BE(part.length, at)
    bytes.set(part, at)
    at += part.length
  }
  return sha256(bytes)
}

export const leafOf = (entry: Entry): Leaf => ({ time_ns: entry.time_ns, hash: hashOf(entry) })

const TIME_BYTES = 8
const LEAF_BYTES = HASH_BYTES + TIME_BYTES

/** Leaves as text: 40 bytes each, the hash and then the time, in base64. */
export const encodeLeaves = (leaves: readonly Leaf[]): string => {
  const bytes = Buffer.allocUnsafe(leaves.length * LEAF_BYTES)
  for (const [i, { hash, time_ns }] of leaves.entries()) {
    hash.copy(bytes, i * LEAF_BYTES)
    bytes.writeBigUInt64BE(time_ns, i * LEAF_BYTES + HASH_BYTES)
  }
  return bytes.toString('base64')
}

/** Decodes `encodeLeaves`; undefined when the text has no whole number of leaves. */
export const decodeLeaves = (text: string): readonly Leaf[] | undefined => {
  const bytes = Buffer.from(text, 'base64')
  if (bytes.length % LEAF_BYTES !== 0) return undefined
  return Array.from({ length: bytes.length / LEAF_BYTES }, (_, i) => {
    const at = i * LEAF_BYTES
    return {
      hash: bytes.subarray(at, at + HASH_BYTES),
      time_ns: bytes.readBigUInt64BE(at + HASH_BYTES),
    }
  })
}
