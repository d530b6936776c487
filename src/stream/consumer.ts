/**
 * Creates, mends and reads the durable pull consumer of a projection: one instance is active (pinned), others stand by.
 *
 * Pinning is not a lock: an instance that was paused may go on with the events that it holds, so a projection's writes
 * carry conditions of their own. `ack_policy: all` fits a consumer that handles messages strictly in stream order.
 */

import {
  AckPolicy,
  type Consumer,
  type ConsumerConfig,
  type ConsumerInfo,
  DeliverPolicy,
  type JetStreamManager,
  jetstream,
  ReplayPolicy,
} from '@nats-io/jetstream'
import { millis, type NatsConnection, nanos } from 'nats'
import { pipe, type TaskEither, TE } from '../fp.js'
import { type StreamError, tryStream } from './errors.js'
import { API_TIMEOUT_MS, APPLY_ADVICE, manager } from './provision.js'
import { isEqual, LEDGER_STREAM, LEDGER_SUBJECTS, settingOf, shown } from './settings.js'

/** The one priority group: its pinned member is the active instance. */
export const ACTIVE_GROUP = 'active'

/** A pinned instance loses its place when it is silent for this time (measured take-over: 1.5 s). */
const PIN_TIMEOUT_MS = 2_000
/**
 * The time for which one pull waits. The server takes only pulls as a sign of life, so an idle instance has to send
 * the next one before it loses its place. Afterwards the client may hold an old pin id, get a refusal that does not
 * name the pull, and wait for missed heartbeats (docs/adr/0003).
 */
export const PULL_EXPIRES_MS = PIN_TIMEOUT_MS / 2
/**
 * The time after which the server delivers unacknowledged events again, for instance when the active instance died with
 * them and no new one came. It delivers a slow batch again too, which costs a little and changes nothing.
 */
const ACK_WAIT_MS = 5_000
/**
 * The largest number of unacknowledged events. It bounds the events that are folded in one run, and the events that are
 * read again after a take-over. With the slowest table that we expect, which takes 1,000 events per second, a full run takes
 * 4 s. A longer run would exceed `ACK_WAIT_MS`: its events would be delivered again, which costs more than longer runs save.
 */
export const UNACKED_MESSAGES_MAX = 4_000

const config = (durable_name: string): Partial<ConsumerConfig> & { durable_name: string } => ({
  durable_name,
  filter_subject: LEDGER_SUBJECTS,
  replay_policy: ReplayPolicy.Instant,
  ack_policy: AckPolicy.All,
  ack_wait: nanos(ACK_WAIT_MS),
  max_ack_pending: UNACKED_MESSAGES_MAX,
  max_deliver: -1,
  // 0 means that the server keeps the consumer, however long no instance pulls from it
  inactive_threshold: 0,
  priority_groups: [ACTIVE_GROUP],
  priority_policy: 'pinned_client',
  priority_timeout: nanos(PIN_TIMEOUT_MS),
})

/** The name of the durable consumer of a projection's generation. */
export const consumerOf = (projection: string, generation: number): string =>
  generation === 1 ? projection : `${projection}-g${generation}`

/** The generation of `projection` whose consumer has this name; undefined when it is the name of no such consumer. */
export const generationOf = (projection: string, name: string): number | undefined => {
  if (name === projection) return 1
  const generation = Number(name.startsWith(`${projection}-g`) ? name.slice(projection.length + 2) : '')
  return Number.isInteger(generation) && generation > 1 ? generation : undefined
}

/** The point from which a new consumer delivers. */
export type Start = {
  /** The first stream sequence that it delivers. */
  readonly seq: number
  /** The consumer delivers nothing before this time. */
  readonly not_before?: Date
}

const startOf = ({ seq, not_before }: Start): Partial<ConsumerConfig> => ({
  ...(seq <= 1
    ? { deliver_policy: DeliverPolicy.All }
    : { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: seq }),
  ...(not_before === undefined ? {} : { pause_until: not_before.toISOString() }),
})

/** The longest pause that a replay asks for, with a margin: a longer pause was set by hand. */
const PAUSE_MS_MAX = 60_000

/** The rest of a pause by the server's count, since this machine's clock may be wrong. 0 when there is no pause. */
const pausedFor_ms = ({ paused, pause_remaining }: ConsumerInfo): number =>
  paused === true ? millis(pause_remaining) : 0

/** The setting that keeps a running pause. An ended pause is left out: if it were set again, it would never end. */
const pauseOf = (found: ConsumerInfo): Partial<ConsumerConfig> => {
  const { pause_until } = found.config
  const left_ms = pausedFor_ms(found)
  return pause_until !== undefined && left_ms > 0 && left_ms <= PAUSE_MS_MAX ? { pause_until } : {}
}

/** The settings that are not compared: a consumer's name and its starting point are its own. */
const FREE: ReadonlySet<string> = new Set([
  'name',
  'durable_name',
  'deliver_policy',
  'opt_start_seq',
  'pause_until',
])
/** The server's defaults for settings that the program does not state. */
const SERVERS_OWN: Readonly<Record<string, unknown>> = { max_waiting: 512 }

const isSame = (name: string, is: unknown, should_be: unknown): boolean =>
  isEqual(is, should_be) || (should_be === undefined && isEqual(is, SERVERS_OWN[name]))

/** `setting: is X, should be Y` for every setting in which a projection's consumer differs from its wanted settings. */
export const consumerDifferences = (name: string, found: ConsumerInfo): string[] => {
  const wanted: Readonly<Record<string, unknown>> = { ...config(name), metadata: {} }
  const actual: Readonly<Record<string, unknown>> = { ...found.config }
  return [
    ...[...new Set([...Object.keys(wanted), ...Object.keys(actual)])]
      .filter(setting => !FREE.has(setting))
      .map(setting => ({ setting, is: settingOf(actual, setting), should_be: wanted[setting] }))
      .filter(({ setting, is, should_be }) => !isSame(setting, is, should_be))
      .map(({ setting, is, should_be }) => `${setting}: is ${shown(is)}, should be ${shown(should_be)}`),
    ...(pausedFor_ms(found) > PAUSE_MS_MAX ? [`it is paused until ${found.config.pause_until}`] : []),
  ]
}

const add = (
  jsm: JetStreamManager,
  name: string,
  where: Partial<ConsumerConfig>,
): TaskEither<StreamError, void> =>
  pipe(
    tryStream(`consumer ${name}`, () => jsm.consumers.add(LEDGER_STREAM, { ...config(name), ...where })),
    TE.bimap(
      error =>
        error.tag === 'Forbidden' ? { ...error, message: `${error.message}: ${APPLY_ADVICE}` } : error,
      () => undefined,
    ),
  )

/**
 * The sequence up to which a consumer needs to be given nothing more. It is the acknowledged one, which a server on which
 * consumers have replicas leaves at 0 until the first acknowledgement, wherever the consumer begins (seen on nats-server 2.15.1). Until
 * then it is the sequence before the first delivery: the ledger has no holes, so each delivery is one sequence further.
 */
export const ackedSeqOf = ({
  ack_floor,
  delivered,
}: Pick<ConsumerInfo, 'ack_floor' | 'delivered'>): number =>
  ack_floor.consumer_seq > 0
    ? ack_floor.stream_seq
    : Math.max(ack_floor.stream_seq, delivered.stream_seq - delivered.consumer_seq)

/** Deletes a consumer with a setting that cannot be changed, and makes it anew after the last acknowledged event. */
const remake = (jsm: JetStreamManager, name: string, found: ConsumerInfo): TaskEither<StreamError, void> =>
  pipe(
    tryStream(`consumer ${name}`, () => jsm.consumers.delete(LEDGER_STREAM, name)),
    TE.chain(() => add(jsm, name, { ...startOf({ seq: ackedSeqOf(found) + 1 }), ...pauseOf(found) })),
  )

const renew = (jsm: JetStreamManager, name: string, found: ConsumerInfo): TaskEither<StreamError, void> => {
  const { deliver_policy, opt_start_seq, opt_start_time } = found.config
  return pipe(
    add(jsm, name, {
      deliver_policy,
      ...(opt_start_seq === undefined ? {} : { opt_start_seq }),
      ...(opt_start_time === undefined ? {} : { opt_start_time }),
      ...pauseOf(found),
    }),
    TE.orElse(error =>
      error.tag === 'TryAgain' || consumerDifferences(name, found).length === 0
        ? TE.left(error)
        : remake(jsm, name, found),
    ),
    // leaving a pause out of the settings does not end it
    TE.chain(() => (pausedFor_ms(found) > PAUSE_MS_MAX ? resumeConsumer(jsm, name) : TE.right(undefined))),
  )
}

/**
 * Makes a projection's consumer when it is missing. An existing consumer keeps its place, and its settings are changed back
 * only when they differ: in a ledger whose users have the rights of `src/permissions`, a projection may not create one.
 */
export const makeConsumer = (
  jsm: JetStreamManager,
  name: string,
  start: Start,
): TaskEither<StreamError, void> =>
  pipe(
    tryStream(`consumer ${name}`, () => jsm.consumers.info(LEDGER_STREAM, name)),
    TE.matchEW(
      error => (error.tag === 'NotFound' ? add(jsm, name, startOf(start)) : TE.left(error)),
      found =>
        consumerDifferences(name, found).length === 0 ? TE.right(undefined) : renew(jsm, name, found),
    ),
  )

/**
 * Finds the settings of a projection's consumer that were changed by hand, changes them back, and gives the
 * differences. A missing consumer is left to the projection itself, which knows how far its table is.
 */
export const mendConsumer = (jsm: JetStreamManager, name: string): TaskEither<StreamError, string[]> =>
  pipe(
    tryStream(`consumer ${name}`, () => jsm.consumers.info(LEDGER_STREAM, name)),
    TE.chain(found => {
      const differs = consumerDifferences(name, found)
      if (differs.length === 0) return TE.right(differs)
      return pipe(
        renew(jsm, name, found),
        TE.map(() => differs),
      )
    }),
    TE.orElse(error => (error.tag === 'NotFound' ? TE.right<StreamError, string[]>([]) : TE.left(error))),
  )

/** Gives the projection's consumer with renewed settings; creates it at sequence 1 when it is missing. */
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

/** The position of a consumer in the stream. */
export type ConsumerProgress = {
  /** Every event up to this stream sequence is acknowledged. */
  readonly acked_seq: number
  /** The number of events that are delivered and not acknowledged yet. */
  readonly unacked: number
}

/** Reads the position of a projection's consumer; `NotFound` when there is none. */
export const consumerProgress = (
  jsm: JetStreamManager,
  name: string,
): TaskEither<StreamError, ConsumerProgress> =>
  pipe(
    tryStream(`consumer ${name}`, () => jsm.consumers.info(LEDGER_STREAM, name)),
    TE.map(info => ({ acked_seq: ackedSeqOf(info), unacked: info.num_ack_pending })),
  )

/** Pauses a consumer until `until`; the server ends the pause by itself. */
export const pauseConsumer = (
  jsm: JetStreamManager,
  name: string,
  until: Date,
): TaskEither<StreamError, void> =>
  pipe(
    tryStream(`pause consumer ${name}`, () => jsm.consumers.pause(LEDGER_STREAM, name, until)),
    TE.map(() => undefined),
  )

/** Ends a pause; does nothing when there is none. */
export const resumeConsumer = (jsm: JetStreamManager, name: string): TaskEither<StreamError, void> =>
  pipe(
    tryStream(`resume consumer ${name}`, () => jsm.consumers.resume(LEDGER_STREAM, name)),
    TE.map(() => undefined),
  )

/**
 * Makes a projection start at sequence 1 again; no error when it has no consumer. The consumer is set back, which the
 * projection's own user may do. A consumer that was made for a later start cannot be set back, and is deleted.
 */
export const restartConsumer = (jsm: JetStreamManager, name: string): TaskEither<StreamError, void> =>
  pipe(
    tryStream(`consumer ${name}`, () => jsm.consumers.info(LEDGER_STREAM, name)),
    TE.chain(
      ({ config: { deliver_policy } }): TaskEither<StreamError, unknown> =>
        deliver_policy === DeliverPolicy.All
          ? tryStream(`set back consumer ${name}`, () => jsm.consumers.reset(LEDGER_STREAM, name, 1))
          : pipe(
              tryStream(`delete consumer ${name}`, () => jsm.consumers.delete(LEDGER_STREAM, name)),
              TE.mapLeft(error =>
                error.tag === 'Forbidden'
                  ? { ...error, message: `${error.message}: "jetledger replay" fills another table` }
                  : error,
              ),
            ),
    ),
    TE.matchEW(
      error => (error.tag === 'NotFound' ? TE.right(undefined) : TE.left(error)),
      () => TE.right(undefined),
    ),
  )

/** Deletes the consumer of a generation that is gone; no error when there is none. */
export const dropConsumer = (nc: NatsConnection, name: string): TaskEither<StreamError, void> =>
  pipe(
    manager(nc),
    TE.chain(jsm => tryStream(`consumer ${name}`, () => jsm.consumers.delete(LEDGER_STREAM, name))),
    TE.matchEW(
      error => (error.tag === 'NotFound' ? TE.right(undefined) : TE.left(error)),
      () => TE.right(undefined),
    ),
  )

/**
 * Gives up the active place, so that a standby instance takes it at once. A call by another instance does no harm: the
 * active instance, or a standby, takes the place again.
 */
export const unpin = (jsm: JetStreamManager, name: string): TaskEither<StreamError, void> =>
  pipe(
    tryStream(`consumer ${name}`, () => jsm.consumers.unpin(LEDGER_STREAM, name, ACTIVE_GROUP)),
    TE.map(() => undefined),
  )
