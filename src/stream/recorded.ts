/**
 * The type of a message that is stored in a stream.
 */

import type { MsgHdrs } from 'nats'

/** One stored message; `at` is the time at which it was stored. */
export type Recorded = {
  readonly seq: number
  readonly subject: string
  readonly body: Uint8Array
  readonly headers?: MsgHdrs | undefined
  readonly at: Date
}

/** Two clients of one server may round a time in nanoseconds to neighbouring milliseconds. */
const ROUNDING_MS = 1

/** Whether two times, in milliseconds since 1970, are those of one message. */
export const isSameStoredTime = (a_ms: number, b_ms: number): boolean => Math.abs(a_ms - b_ms) <= ROUNDING_MS

/**
 * Whether two messages are one. A stream is a log: one that has the same message at a sequence also has the same messages
 * before it, whatever happened to it between the two reads.
 */
export const isSameMessage = (a: Recorded, b: Recorded): boolean =>
  a.seq === b.seq &&
  a.subject === b.subject &&
  isSameStoredTime(a.at.getTime(), b.at.getTime()) &&
  Buffer.compare(a.body, b.body) === 0

/** A message that was read is not stored any more: the stream was set back, and others have come to its place or will. */
export class SetBack extends Error {
  override readonly name = 'SetBack'
}
