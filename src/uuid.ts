/**
 * UUIDs of version 7 (RFC 9562): 48 bits of milliseconds, then random bits, so that they sort by the time they were
 * made.
 */

import { randomFillSync } from 'node:crypto'

/** Random bytes are drawn for many ids at once: a call costs far more than its bytes. */
const POOL = Buffer.alloc(16 * 256)
let used = POOL.length

const randomBytes = (): Buffer => {
  if (used === POOL.length) {
    randomFillSync(POOL)
    used = 0
  }
  used += 16
  return Buffer.from(POOL.subarray(used - 16, used))
}

export const uuidv7 = (now_ms: number = Date.now()): string => {
  const bytes = randomBytes()
  bytes.writeUIntBE(now_ms, 0, 6)
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x70, 6)
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8)
  const hex = bytes.toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}
