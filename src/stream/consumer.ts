/**
 * The durable pull consumer of a projection: one instance is active (pinned), others stand by.
 *
 * Pinning is not a lock: a paused instance may go on with what it holds, so a projection's writes carry conditions of
 * their own. `ack_policy: all` fits a consumer that handles messages strictly in stream order.
 */

import {
  AckPolicy,
  type Consumer,
  type ConsumerConfig,
  DeliverPolicy,
  type JetStreamManager,
  jetstream,
  ReplayPolicy,
} from '@nats-io/jetstream'
import { type NatsConnection, nanos } from 'nats'
import { pipe, type TaskEither, TE } from '../fp.js'
import { type StreamError, tryStream } from './errors.js'
import { API_TIMEOUT_MS, manager } from './provision.js'
import { LEDGER_STREAM, LEDGER_SUBJECTS } from './settings.js'

/** The one priority group: its pinned member is the active instance. */
export const ACTIVE_GROUP = 'active'

/** A pinned instance that is silent for so long loses its place (measured take-over: 1.5 s). */
const PIN_TIMEOUT_MS = 2_000
/**
 * How long events may stay unhandled when the active instance dies with them in its hands and no new one comes: the
 * server delivers them again. A slow batch is delivered again too, which costs a little and changes nothing.
 */
const ACK_WAIT_MS = 2_000
/** Also bounds what has to be read again after a take-over. */
export const UNACKED_MESSAGES_MAX = 4_000

const config = (durable_name: string): Partial<ConsumerConfig> & { durable_name: string } => ({
  durable_name,
  filter_subject: LEDGER_SUBJECTS,
  deliver_policy: DeliverPolicy.All,
  replay_policy: ReplayPolicy.Instant,
  ack_policy: AckPolicy.All,
  ack_wait: nanos(ACK_WAIT_MS),
  max_ack_pending: UNACKED_MESSAGES_MAX,
  max_deliver: -1,
  // 0: the consumer outlives any absence of its instances
  inactive_threshold: 0,
  priority_groups: [ACTIVE_GROUP],
  priority_policy: 'pinned_client',
  priority_timeout: nanos(PIN_TIMEOUT_MS),
})

/** The projection's consumer, created at sequence 1 where it is missing. */
export const ensureConsumer = (nc: NatsConnection, name: string): TaskEither<StreamError, Consumer> =>
  pipe(
    manager(nc),
    TE.chain(jsm => tryStream(`consumer ${name}`, () => jsm.consumers.add(LEDGER_STREAM, config(name)))),
    TE.chain(() =>
      tryStream(`consumer ${name}`, () =>
        jetstream(nc, { timeout: API_TIMEOUT_MS }).consumers.get(LEDGER_STREAM, name),
      ),
    ),
  )

/** Forgets how far a projection is, so that it starts at sequence 1 again; no error where there is nothing. */
export const dropConsumer = (nc: NatsConnection, name: string): TaskEither<StreamError, void> =>
  pipe(
    manager(nc),
    TE.chain(jsm => tryStream(`consumer ${name}`, () => jsm.consumers.delete(LEDGER_STREAM, name))),
    TE.matchEW(
      error => (error.tag === 'NotFound' ? TE.right(undefined) : TE.left(error)),
      () => TE.right(undefined),
    ),
  )

/** Gives up the active place, so that an instance that stands by takes it at once; harmless for one that has it not. */
export const unpin = (jsm: JetStreamManager, name: string): TaskEither<StreamError, void> =>
  pipe(
    tryStream(`consumer ${name}`, () => jsm.consumers.unpin(LEDGER_STREAM, name, ACTIVE_GROUP)),
    TE.map(() => undefined),
  )
