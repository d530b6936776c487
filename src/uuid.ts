/**
 * UUIDs of version 7 (RFC 9562): 48 bits of milliseconds, then random bits, so that they sort by the time they were
 * made.
 */

import { randomFillSync } from 'node:crypto'

/** Bytes after the time: 4 bits of version and 12 random ones, then 2 bits of variant and 62 random ones. */
const RANDOM_BYTES = 10
/** Random bytes for 1,024 ids: to ask for them one id at a time takes longer than everything else. */
const pool = Buffer.allocUnsafeSlow(1_024 * RANDOM_BYTES)
let at = pool.length

let made_ms = -1
let time = ''

const timeAt = (now_ms: number): string => {
  if (now_ms === made_ms) return time
  const hex = now_ms.toString(16).padStart(12, '0')
  made_ms = now_ms
  time = `${hex.slice(0, 8)}-${hex.slice(8)}-`
  return time
}

/** Makes an id for the time `now_ms`. It cannot be guessed from other ids. */
export const uuidv7 = (now_ms: number = Date.now()): string => {
  if (at === pool.length) {
    randomFillSync(pool)
    at = 0
  }
  pool.writeUInt8(0x70 | (pool.readUInt8(at) & 0x0f), at)
  pool.writeUInt8(0x80 | (pool.readUInt8(at + 2) & 0x3f), at + 2)
  const hex = pool.toString('hex', at, at + RANDOM_BYTES)
  at += RANDOM_BYTES
  return `${timeAt(now_ms)}${hex.slice(0, 4)}-${hex.slice(4, 8)}-${hex.slice(8)}`
}
