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
