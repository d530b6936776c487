/** The hashes of the tree of events (RFC 6962, 2.1): a leaf and a node begin with different bytes, so that neither can pass for the other. */

import { hash } from 'node:crypto'

/** The number of bytes of a hash. */
export const HASH_BYTES = 32

/** The first byte of what a leaf is the hash of. */
export const LEAF = 0x00
const NODE = 0x01

export const sha256 = (bytes: Uint8Array | string): Buffer => hash('sha256', bytes, 'buffer')

/** The hash of the node above two neighbours. */
export const nodeHash = (left: Uint8Array, right: Uint8Array): Buffer => {
  const bytes = Buffer.allocUnsafe(1 + 2 * HASH_BYTES)
  bytes[0] = NODE
  bytes.set(left, 1)
  bytes.set(right, 1 + HASH_BYTES)
  return sha256(bytes)
}

/** The root of a tree without leaves. */
export const EMPTY_ROOT: Uint8Array = sha256('')
