/**
 * How far a projection is behind the stream: what its consumer has not acknowledged yet.
 */

import type { ConsumerInfo, JetStreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from 'nats'
import { pipe, type TaskEither, TE } from '../fp.js'
import { type StreamError, tryStream } from './errors.js'
import { manager } from './provision.js'
import { nextRecorded } from './read.js'
import { LEDGER_STREAM, LEDGER_SUBJECTS } from './settings.js'

export type Lag = {
  /** The last stream sequence up to which everything is acknowledged; 0: nothing yet. */
  readonly seq: number
  readonly lag_events: number
  /** Age of the first event that is not acknowledged, by this machine's clock; 0 when there is none. */
  readonly lag_ms: number
}

/** Nothing is ever deleted from the ledger, so sequences have no holes and can be counted. */
const lagEvents = ({ ack_floor, delivered, num_pending }: ConsumerInfo): number =>
  Math.max(delivered.stream_seq - ack_floor.stream_seq, 0) + num_pending

const measure = (jsm: JetStreamManager, info: ConsumerInfo): TaskEither<StreamError, Lag> => {
  const seq = info.ack_floor.stream_seq
  const lag_events = lagEvents(info)
  if (lag_events === 0) return TE.right({ seq, lag_events, lag_ms: 0 })
  return pipe(
    nextRecorded(jsm, LEDGER_STREAM, LEDGER_SUBJECTS, seq + 1),
    TE.map(first => ({
      seq,
      lag_events,
      // the server's clock may be ahead of ours
      lag_ms: first === undefined ? 0 : Math.max(Date.now() - first.at.getTime(), 0),
    })),
  )
}

/** The lag of the projection whose durable consumer is `consumer`; `NotFound` when there is no such consumer. */
export const projectionLag = (nc: NatsConnection, consumer: string): TaskEither<StreamError, Lag> =>
  pipe(
    manager(nc),
    TE.chain(jsm =>
      pipe(
        tryStream(`consumer ${consumer}`, () => jsm.consumers.info(LEDGER_STREAM, consumer)),
        TE.chain(info => measure(jsm, info)),
      ),
    ),
  )
