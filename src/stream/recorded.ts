/**
 * A message as a stream holds it.
 */

import type { MsgHdrs } from 'nats'

/** One stored message. */
export type Recorded = {
  readonly seq: number
  readonly subject: string
  readonly body: Uint8Array
  readonly headers?: MsgHdrs | undefined
  readonly at: Date
}
