/**
 * Measures how far a projection is behind the stream: the events that its consumer has not acknowledged yet.
 *
 * An acknowledged position is true whichever server reports it. But "nothing is left to do" is an absence, and the
 * age of an event depends on a clock. So both rest on a proof of the stream's end, which carries the clock of the
 * leader (leadership.ts). The clock of this machine is not used.
 */

import type { ConsumerInfo, JetStreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from 'nats'
import { pipe, type TaskEither, TE } from '../fp.js'
import { ackedSeqOf } from './consumer.js'
import { type StreamError, tryStream } from './errors.js'
import { leadershipOf, type Proof } from './leadership.js'
import { manager } from './provision.js'
import { nextKnown } from './read.js'
import { LEDGER_STREAM, LEDGER_SUBJECTS } from './settings.js'

export type Lag = {
  /** The last stream sequence up to which every event is acknowledged; 0: none yet. */
  readonly seq: number
  readonly lag_events: number
  /** The age of the first event that is not acknowledged, by the clock of the stream's leader; 0 when there is none. */
  readonly lag_ms: number
}

const ageOf = (
  nc: NatsConnection,
  seq: number,
  { last_seq, server_time }: Proof,
): TaskEither<StreamError, number> =>
  pipe(
    nextKnown(nc, LEDGER_STREAM, LEDGER_SUBJECTS, seq),
    TE.chain(first =>
      first === undefined
        ? TE.left({ tag: 'TryAgain', message: `a replica without event ${seq} of ${last_seq} was asked` })
        : // the event's time may be later: another server may have stored it, with a clock that was ahead
          TE.right(Math.max(server_time.getTime() - first.at.getTime(), 0)),
    ),
  )

const measure = (nc: NatsConnection, info: ConsumerInfo, proof: Proof): TaskEither<StreamError, Lag> => {
  const seq = ackedSeqOf(info)
  // nothing is ever deleted from the ledger, so sequences have no holes and can be counted
  const lag_events = Math.max(proof.last_seq - seq, 0)
  if (lag_events === 0) return TE.right({ seq, lag_events, lag_ms: 0 })
  return pipe(
    ageOf(nc, seq + 1, proof),
    TE.map(lag_ms => ({ seq, lag_events, lag_ms })),
  )
}

const consumerInfo = (jsm: JetStreamManager, consumer: string): TaskEither<StreamError, ConsumerInfo> =>
  tryStream(`consumer ${consumer}`, () => jsm.consumers.info(LEDGER_STREAM, consumer))

/** The lag of the projection whose durable consumer is `consumer`; `NotFound` when there is no such consumer. */
export const projectionLag = (nc: NatsConnection, consumer: string): TaskEither<StreamError, Lag> =>
  pipe(
    manager(nc),
    TE.chain(jsm => consumerInfo(jsm, consumer)),
    TE.chain(info =>
      pipe(
        // the proof comes after the consumer's answer, so that its end covers every event that was stored by then
        leadershipOf(nc).prove(),
        TE.chain(proof => measure(nc, info, proof)),
      ),
    ),
  )
