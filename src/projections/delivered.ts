/**
 * Messages of the projection's consumer, as they are folded.
 *
 * The client splits a message's reply subject each time that it is asked for one of the numbers in it, and for every projected
 * event that cost as much as its fold. Here the numbers are read once, as `createPlace` reads them.
 */

import type { JsMsg } from '@nats-io/jetstream'
import type { MsgHdrs } from 'nats'
import { createPlace, type Place } from '../stream/place.js'
import type { Delivery } from './in-order.js'

/** A message that was delivered, and can be acknowledged. */
export class Delivered implements Delivery {
  readonly seq: number
  readonly redelivered: boolean
  readonly subject: string
  readonly body: Uint8Array
  readonly at: Date
  /** The number of events that the consumer had still to deliver after this one. */
  readonly pending: number
  private readonly message: JsMsg

  constructor(message: JsMsg, { seq, deliveries, at_ms, pending }: Place) {
    this.seq = seq
    this.redelivered = deliveries > 1
    this.subject = message.subject
    this.body = message.data
    // the client's own time is rounded twice, and may be the next millisecond
    this.at = new Date(at_ms)
    this.pending = pending
    this.message = message
  }

  get headers(): MsgHdrs | undefined {
    return this.message.headers
  }

  ack(): void {
    this.message.ack()
  }
}

/** A part of the client's message that its type declarations leave out. */
type WithReply = { readonly reply?: string }

/** Creates a reader of one consumer's messages. It throws when a message is no delivery of a consumer. */
export const createDeliveryReader = (): ((message: JsMsg) => Delivered) => {
  const place = createPlace()
  return message => {
    const { reply = '' } = message as WithReply
    if (!place.read(reply))
      throw new Error(`a message of the consumer was answered to "${reply}", which is no delivery`)
    return new Delivered(message, place)
  }
}
