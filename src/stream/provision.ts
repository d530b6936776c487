/**
 * Creates the streams and the bucket where they are missing, and compares them where they are not.
 */

import {
  type JetStreamManager,
  jetstreamManager,
  StoreCompression,
  type StreamInfo,
} from '@nats-io/jetstream'
import { type KV, Kvm } from '@nats-io/kv'
import type { NatsConnection } from 'nats'
import { E, pipe, type TaskEither, TE } from '../fp.js'
import { type StreamError, tryStream } from './errors.js'
import { compressionStays, judgeServers, type ServerFacts } from './server-policy.js'
import {
  allSettings,
  CONFIG_BUCKET,
  describeDifferences,
  differencesOf,
  isTolerable,
  lastingOf,
  MSG_SIZE_BYTES_MAX,
  type SettingsOptions,
  type StreamSettings,
} from './settings.js'

/** How long one JetStream API request may take, unless a call says otherwise. */
export const API_TIMEOUT_MS = 5_000

/** A JetStream manager with our timeout; it makes no request of its own (`checkAPI: false`). */
export const manager = (nc: NatsConnection): TaskEither<StreamError, JetStreamManager> =>
  tryStream('JetStream', () => jetstreamManager(nc, { checkAPI: false, timeout: API_TIMEOUT_MS }))

const info = (jsm: JetStreamManager, name: string): TaskEither<StreamError, StreamInfo | undefined> =>
  pipe(
    tryStream(`stream ${name}`, () => jsm.streams.info(name)),
    TE.matchEW(
      error => (error.tag === 'NotFound' ? TE.right(undefined) : TE.left(error)),
      found => TE.right(found),
    ),
  )

const compared = (wanted: StreamSettings, found: StreamInfo): TaskEither<StreamError, StreamInfo> => {
  const message = describeDifferences(wanted, configOf(found))
  return message === undefined || isTolerable(differencesOf(wanted, configOf(found)))
    ? TE.right(found)
    : TE.left({ tag: 'SettingsDiffer', message })
}

/** The key under which a server notes its version in every stream that it speaks of. */
const SERVER_VERSION = '_nats.ver'

/**
 * What this connection knows of the servers that hold a stream, or are to hold it: the version of the server that it is
 * connected to, and of the stream's leader.
 */
export const serverFacts = (
  nc: NatsConnection,
  { num_replicas = 1, compression = 'none', metadata }: StreamSettings | StreamInfo['config'],
): ServerFacts => {
  const known = [nc.info?.version, metadata?.[SERVER_VERSION]].filter(version => version !== undefined)
  return { versions: [...new Set(known)], replicas: num_replicas, compression }
}

/** Refuses servers that are known to lose events with such a stream. */
const permitted = (facts: ServerFacts): E.Either<StreamError, void> => {
  const { refusal } = judgeServers(facts)
  return refusal === undefined ? E.right(undefined) : E.left({ tag: 'SettingsDiffer', message: refusal })
}

/** nats-server's code where an account wants a limit on every stream. */
const LIMIT_REQUIRED = 10_113
const LIMIT_ADVICE =
  'the account wants a limit on every stream: set JETLEDGER_STREAM_BYTES_MAX (and JETLEDGER_DEAD_LETTER_BYTES_MAX, a tenth of it unless set)'

/** Events and letters have to fit into messages of the server. */
const payloadProblem = (nc: NatsConnection): StreamError | undefined => {
  const bytes = nc.info?.max_payload ?? MSG_SIZE_BYTES_MAX
  return bytes >= MSG_SIZE_BYTES_MAX
    ? undefined
    : {
        tag: 'SettingsDiffer',
        message: `the server takes messages of ${bytes} bytes only, and ${MSG_SIZE_BYTES_MAX} are needed: raise its max_payload`,
      }
}

type Ensure = (
  nc: NatsConnection,
  jsm: JetStreamManager,
  wanted: StreamSettings,
) => TaskEither<StreamError, StreamInfo>

const create: Ensure = (nc, jsm, wanted) =>
  pipe(
    TE.fromEither(permitted(serverFacts(nc, wanted))),
    // creating is idempotent for equal settings, so instances that start together do not trip over each other
    TE.chain(() => tryStream(`create stream ${wanted.name}`, () => jsm.streams.add(wanted))),
    TE.mapLeft(error =>
      error.code === LIMIT_REQUIRED
        ? { ...error, tag: 'SettingsDiffer' as const, message: `${error.message}: ${LIMIT_ADVICE}` }
        : error,
    ),
  )

const ensureBucket: Ensure = (nc, jsm, wanted) =>
  pipe(
    info(jsm, wanted.name),
    TE.chain(found => (found === undefined ? create(nc, jsm, wanted) : TE.right(found))),
  )

/** A stream that is there: on servers that may hold it, with our settings. */
const accepted =
  (nc: NatsConnection, wanted: StreamSettings) =>
  (found: StreamInfo): TaskEither<StreamError, StreamInfo> =>
    pipe(
      TE.fromEither(permitted(serverFacts(nc, found.config))),
      TE.chain(() => compared(wanted, found)),
    )

const ensureStream: Ensure = (nc, jsm, wanted) =>
  pipe(
    info(jsm, wanted.name),
    TE.chain(found => (found === undefined ? create(nc, jsm, wanted) : accepted(nc, wanted)(found))),
  )

const configOf = ({ config }: StreamInfo): Readonly<Record<string, unknown>> =>
  config as unknown as Record<string, unknown>

/** What the server has beyond our settings: left out of what is sent, which switches it off. */
const switchedOff = (wanted: StreamSettings, found: StreamInfo): Record<string, undefined> =>
  Object.fromEntries(
    differencesOf(wanted, configOf(found))
      .filter(({ name }) => !(name in wanted))
      .map(({ name }) => [name, undefined]),
  )

/** What is known of the servers for a stream that is there and gets the wanted replicas. */
const factsOfUpdate = (nc: NatsConnection, wanted: StreamSettings, { config }: StreamInfo): ServerFacts => {
  const facts = serverFacts(nc, config)
  return { ...facts, replicas: Math.max(facts.replicas, wanted.num_replicas ?? 1) }
}

/** Why a stream stays compressed whatever is wanted; undefined when it is not, or need not. */
const staysCompressed = (
  nc: NatsConnection,
  wanted: StreamSettings,
  found: StreamInfo,
): string | undefined =>
  found.config.compression === StoreCompression.S2
    ? compressionStays(factsOfUpdate(nc, wanted, found))
    : undefined

const update = (
  nc: NatsConnection,
  jsm: JetStreamManager,
  wanted: StreamSettings,
  found: StreamInfo,
): TaskEither<StreamError, StreamInfo> =>
  tryStream(`update stream ${wanted.name}`, () =>
    jsm.streams.update(wanted.name, {
      ...switchedOff(wanted, found),
      ...wanted,
      ...lastingOf(wanted, configOf(found)),
      ...(staysCompressed(nc, wanted, found) === undefined ? {} : { compression: StoreCompression.S2 }),
    }),
  )

/** More replicas on a server that loses events by them are refused. */
const mayGrow = (
  nc: NatsConnection,
  wanted: StreamSettings,
  found: StreamInfo,
): E.Either<StreamError, void> =>
  (wanted.num_replicas ?? 1) > found.config.num_replicas
    ? permitted(factsOfUpdate(nc, wanted, found))
    : E.right(undefined)

const applyTo: Ensure = (nc, jsm, wanted) =>
  pipe(
    info(jsm, wanted.name),
    TE.chainFirstEitherK(found => (found === undefined ? E.right(undefined) : mayGrow(nc, wanted, found))),
    TE.chain(found => (found === undefined ? create(nc, jsm, wanted) : update(nc, jsm, wanted, found))),
  )

/** Opens the bucket over its stream, and makes none. */
export const openBucket = (nc: NatsConnection): TaskEither<StreamError, KV> =>
  tryStream(`bucket ${CONFIG_BUCKET}`, () => new Kvm(nc).open(CONFIG_BUCKET, { allow_direct: true }))

/** Compares the ledger stream, which has to be there: an empty one in its place would pass for the ledger. */
const existing: Ensure = (nc, jsm, wanted) =>
  pipe(
    tryStream(`stream ${wanted.name}`, () => jsm.streams.info(wanted.name)),
    TE.chain(accepted(nc, wanted)),
  )

const provisionWith =
  (ledgerStream: Ensure) =>
  (nc: NatsConnection, options: SettingsOptions): TaskEither<StreamError, KV> =>
    pipe(
      manager(nc),
      TE.chain(jsm => {
        const problem = payloadProblem(nc)
        return problem === undefined ? TE.right(jsm) : TE.left(problem)
      }),
      TE.chain(jsm => {
        const [ledger, letters, bucket] = allSettings(options)
        return TE.sequenceSeqArray([
          ledgerStream(nc, jsm, ledger),
          ensureStream(nc, jsm, letters),
          // a bucket that differs is told of while the ledger runs: nothing in it is the truth
          ensureBucket(nc, jsm, bucket),
        ])
      }),
      TE.chain(() => openBucket(nc)),
    )

/**
 * What a running instance needs of JetStream, made where it is missing: for a new installation (`look.ts` tells).
 * Fails with `SettingsDiffer` naming each setting that is not ours, or the server that must not be used.
 */
export const provision = provisionWith(ensureStream)

/** The same beside a ledger stream that has to be there: `NotFound` when it is not. */
export const provisionBeside = provisionWith(existing)

/** Whether a stream is now as it should be; one that stays compressed is not, and the reason says more than the difference. */
const compareApplied =
  (nc: NatsConnection) =>
  (wanted: StreamSettings, found: StreamInfo | undefined): TaskEither<StreamError, StreamInfo>[] => {
    if (found === undefined) return []
    const stays = staysCompressed(nc, wanted, found)
    return stays === undefined
      ? [compared(wanted, found)]
      : [TE.left({ tag: 'SettingsDiffer', message: `stream ${wanted.name} stays compressed: ${stays}` })]
  }

/**
 * Makes the server's streams and the bucket as our settings say (`jetledger stream apply`). What nats-server does not take
 * back, or what it might not survive, is left, and `SettingsDiffer` at the end.
 */
export const applySettings = (nc: NatsConnection, options: SettingsOptions): TaskEither<StreamError, void> =>
  pipe(
    manager(nc),
    TE.chain(jsm =>
      pipe(
        TE.sequenceSeqArray(allSettings(options).map(wanted => applyTo(nc, jsm, wanted))),
        TE.chain(applied =>
          TE.sequenceSeqArray(
            allSettings(options).flatMap((wanted, i) => compareApplied(nc)(wanted, applied[i])),
          ),
        ),
      ),
    ),
    TE.map(() => undefined),
  )

/** A stream as the server has it: settings, state and cluster. */
export const streamInfo = (nc: NatsConnection, name: string): TaskEither<StreamError, StreamInfo> =>
  pipe(
    manager(nc),
    TE.chain(jsm => tryStream(`stream ${name}`, () => jsm.streams.info(name))),
  )
