/**
 * UUIDs of version 7 (RFC 9562): 48 bits of milliseconds, then random bits, so that they sort by the time they were
 * made.
 */

import { randomBytes } from 'node:crypto'

export const uuidv7 = (now_ms: number = Date.now()): string => {
  const bytes = randomBytes(16)
  bytes.writeUIntBE(now_ms, 0, 6)
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x70, 6)
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8)
  const hex = bytes.toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}
