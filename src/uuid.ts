/**
 * UUIDs of version 7 (RFC 9562): 48 bits of milliseconds, then random bits, so that they sort by the time they were
 * made.
 */

import { randomUUID } from 'node:crypto'

/** `xxxxxxxx-xxxx-`, before the digit of the version in every UUID. */
const TIME_CHARS = 14

let made_ms = -1
let time = ''

const timeAt = (now_ms: number): string => {
  if (now_ms === made_ms) return time
  const hex = now_ms.toString(16).padStart(12, '0')
  made_ms = now_ms
  time = `${hex.slice(0, 8)}-${hex.slice(8)}-`
  return time
}

/** The random bits are those of a UUID of version 4, in the same places. */
export const uuidv7 = (now_ms: number = Date.now()): string =>
  `${timeAt(now_ms)}7${randomUUID().slice(TIME_CHARS + 1)}`
