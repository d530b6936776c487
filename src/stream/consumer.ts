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
 * How long one pull waits. Only pulls count as a sign of life, so an idle instance has to send the next one before its
 * place lapses: afterwards the client may hold an old id, be refused without a word of what it asked for, and wait for
 * missed heartbeats (docs/adr/0003).
 */
export const PULL_EXPIRES_MS = PIN_TIMEOUT_MS / 2
/**
 * How long events may stay unhandled when the active instance dies with them in its hands and no new one comes: the
 * server delivers them again. A slow batch is delivered again too, which costs a little and changes nothing.
 */
const ACK_WAIT_MS = 5_000
/** Also bounds what has to be read again after a take-over. */
export const UNACKED_MESSAGES_MAX = 2_000

const config = (durable_name: string): Partial<ConsumerConfig> & { durable_name: string } => ({
  durable_name,
  filter_subject: LEDGER_SUBJECTS,
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

/** The durable consumer of a projection's generation. */
export const consumerOf = (projection: string, generation: number): string =>
  generation === 1 ? projection : `${projection}-g${generation}`

/** The generation of `projection` whose consumer has this name; undefined when it is another's. */
export const generationOf = (projection: string, name: string): number | undefined => {
  if (name === projection) return 1
  const generation = Number(name.startsWith(`${projection}-g`) ? name.slice(projection.length + 2) : '')
  return Number.isInteger(generation) && generation > 1 ? generation : undefined
}

/** Where a consumer begins that does not exist yet. */
export type Start = {
  /** The first stream sequence that it delivers. */
  readonly seq: number
  /** It delivers nothing before. */
  readonly not_before?: Date
}

const startOf = ({ seq, not_before }: Start): Partial<ConsumerConfig> => ({
  ...(seq <= 1
    ? { deliver_policy: DeliverPolicy.All }
    : { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: seq }),
  ...(not_before === undefined ? {} : { pause_until: not_before.toISOString() }),
})

/** Makes a projection's consumer; where it is there already it keeps its place, and only its settings are renewed. */
export const makeConsumer = (
  jsm: JetStreamManager,
  name: string,
  start: Start,
): TaskEither<StreamError, void> =>
  pipe(
    tryStream(`consumer ${name}`, () => jsm.consumers.info(LEDGER_STREAM, name)),
    TE.map(({ config: { deliver_policy, opt_start_seq, pause_until } }) => ({
      deliver_policy,
      ...(opt_start_seq === undefined ? {} : { opt_start_seq }),
      // what paused it for a time that is over would pause it for ever
      ...(pause_until === undefined || Date.parse(pause_until) < Date.now() ? {} : { pause_until }),
    })),
    TE.orElseW(error => (error.tag === 'NotFound' ? TE.right(startOf(start)) : TE.left(error))),
    TE.chainW(where =>
      tryStream(`consumer ${name}`, () => jsm.consumers.add(LEDGER_STREAM, { ...config(name), ...where })),
    ),
    TE.map(() => undefined),
  )

/** The projection's consumer, created at sequence 1 where it is missing. */
export const ensureConsumer = (nc: NatsConnection, name: string): TaskEither<StreamError, Consumer> =>
  pipe(
    manager(nc),
    TE.chain(jsm => makeConsumer(jsm, name, { seq: 1 })),
    TE.chain(() =>
      tryStream(`consumer ${name}`, () =>
        jetstream(nc, { timeout: API_TIMEOUT_MS }).consumers.get(LEDGER_STREAM, name),
      ),
    ),
  )

/** How far a consumer is. */
export type Progress = {
  /** Every event up to this stream sequence is acknowledged. */
  readonly acked_seq: number
  /** Events that are delivered and not acknowledged yet. */
  readonly unacked: number
}

/** How far a projection's consumer is; `NotFound` where there is none. */
export const consumerProgress = (jsm: JetStreamManager, name: string): TaskEither<StreamError, Progress> =>
  pipe(
    tryStream(`consumer ${name}`, () => jsm.consumers.info(LEDGER_STREAM, name)),
    TE.map(({ ack_floor, num_ack_pending }) => ({
      acked_seq: ack_floor.stream_seq,
      unacked: num_ack_pending,
    })),
  )

/** Holds a consumer still until `until`; the server sees to it, and to its end. */
export const pauseConsumer = (
  jsm: JetStreamManager,
  name: string,
  until: Date,
): TaskEither<StreamError, void> =>
  pipe(
    tryStream(`pause consumer ${name}`, () => jsm.consumers.pause(LEDGER_STREAM, name, until)),
    TE.map(() => undefined),
  )

/** Ends a pause; harmless where there is none. */
export const resumeConsumer = (jsm: JetStreamManager, name: string): TaskEither<StreamError, void> =>
  pipe(
    tryStream(`resume consumer ${name}`, () => jsm.consumers.resume(LEDGER_STREAM, name)),
    TE.map(() => undefined),
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
