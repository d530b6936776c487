/**
 * Creates the streams and the bucket when they are missing, and compares those that exist with our settings.
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
  transactionIdsStream,
} from './settings.js'

/** The default time limit of one JetStream API request. */
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

const compareSettings = (wanted: StreamSettings, found: StreamInfo): TaskEither<StreamError, StreamInfo> => {
  const message = describeDifferences(wanted, configOf(found))
  return message === undefined || isTolerable(differencesOf(wanted, configOf(found)))
    ? TE.right(found)
    : TE.left({ tag: 'SettingsDiffer', message })
}

/** The key of a stream's metadata under which the server that answers for the stream notes its version. */
const SERVER_VERSION = '_nats.ver'

/**
 * The facts that this connection knows about the servers that hold a stream, or are to hold it: the version of the
 * connected server, and the version of the stream's leader.
 */
export const serverFacts = (
  nc: NatsConnection,
  { num_replicas = 1, compression = 'none', metadata }: StreamSettings | StreamInfo['config'],
): ServerFacts => {
  const known = [nc.info?.version, metadata?.[SERVER_VERSION]].filter(version => version !== undefined)
  return { versions: [...new Set(known)], replicas: num_replicas, compression }
}

/** Refuses servers that are known to lose events of a stream with these facts. */
const checkServers = (facts: ServerFacts): E.Either<StreamError, void> => {
  const { refusal } = judgeServers(facts)
  return refusal === undefined ? E.right(undefined) : E.left({ tag: 'SettingsDiffer', message: refusal })
}

/** nats-server's code when the account requires a limit on every stream. */
const LIMIT_REQUIRED = 10_113
const LIMIT_ADVICE =
  'the account wants a limit on every stream: set JETLEDGER_STREAM_BYTES_MAX (and JETLEDGER_DEAD_LETTER_BYTES_MAX, a tenth of it unless set)'

/** The advice to a person where the user of a role may not make what is missing. */
export const APPLY_ADVICE = '"jetledger stream apply" makes what is missing, as the NATS user of an operator'

/** The error when the server's largest message is too small for an event; undefined when it is large enough. */
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
    TE.fromEither(checkServers(serverFacts(nc, wanted))),
    // creating is idempotent for equal settings, so instances that start together do not disturb each other; but before
    // 2.15 the stream may tell another time of making from then on, which is why its group of servers is noted (making.ts)
    TE.chain(() => tryStream(`create stream ${wanted.name}`, () => jsm.streams.add(wanted))),
    TE.mapLeft((error): StreamError => {
      if (error.code === LIMIT_REQUIRED)
        return { ...error, tag: 'SettingsDiffer', message: `${error.message}: ${LIMIT_ADVICE}` }
      return error.tag === 'Forbidden' ? { ...error, message: `${error.message}: ${APPLY_ADVICE}` } : error
    }),
  )

/** Creates a stream that is not there; one that is there is left as it is. */
export const createIfMissing: Ensure = (nc, jsm, wanted) =>
  pipe(
    info(jsm, wanted.name),
    TE.chain(found => (found === undefined ? create(nc, jsm, wanted) : TE.right(found))),
  )

/** Checks a stream that exists: its servers must be allowed to hold it, and it must have our settings. */
const checkExisting =
  (nc: NatsConnection, wanted: StreamSettings) =>
  (found: StreamInfo): TaskEither<StreamError, StreamInfo> =>
    pipe(
      TE.fromEither(checkServers(serverFacts(nc, found.config))),
      TE.chain(() => compareSettings(wanted, found)),
    )

const ensureStream: Ensure = (nc, jsm, wanted) =>
  pipe(
    info(jsm, wanted.name),
    TE.chain(found => (found === undefined ? create(nc, jsm, wanted) : checkExisting(nc, wanted)(found))),
  )

const configOf = ({ config }: StreamInfo): Readonly<Record<string, unknown>> =>
  config as unknown as Record<string, unknown>

/** The settings that only the server's stream has. They are left out of an update, which switches them off. */
const settingsToSwitchOff = (wanted: StreamSettings, found: StreamInfo): Record<string, undefined> =>
  Object.fromEntries(
    differencesOf(wanted, configOf(found))
      .filter(({ name }) => !(name in wanted))
      .map(({ name }) => [name, undefined]),
  )

/** The facts about the servers of an existing stream that is to get the wanted number of replicas. */
const factsOfUpdate = (nc: NatsConnection, wanted: StreamSettings, { config }: StreamInfo): ServerFacts => {
  const facts = serverFacts(nc, config)
  return { ...facts, replicas: Math.max(facts.replicas, wanted.num_replicas ?? 1) }
}

/**
 * The reason why a compressed stream must stay compressed; undefined when it is not compressed, or need not stay so.
 */
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
      ...settingsToSwitchOff(wanted, found),
      ...wanted,
      ...lastingOf(wanted, configOf(found)),
      ...(staysCompressed(nc, wanted, found) === undefined ? {} : { compression: StoreCompression.S2 }),
    }),
  )

/** Refuses more replicas on servers that lose events of replicated streams. */
const checkGrowth = (
  nc: NatsConnection,
  wanted: StreamSettings,
  found: StreamInfo,
): E.Either<StreamError, void> =>
  (wanted.num_replicas ?? 1) > found.config.num_replicas
    ? checkServers(factsOfUpdate(nc, wanted, found))
    : E.right(undefined)

const applyTo: Ensure = (nc, jsm, wanted) =>
  pipe(
    info(jsm, wanted.name),
    TE.chainFirstEitherK(found =>
      found === undefined ? E.right(undefined) : checkGrowth(nc, wanted, found),
    ),
    TE.chain(found => (found === undefined ? create(nc, jsm, wanted) : update(nc, jsm, wanted, found))),
  )

/** Opens the bucket; does not create its stream. */
export const openBucket = (nc: NatsConnection): TaskEither<StreamError, KV> =>
  tryStream(`bucket ${CONFIG_BUCKET}`, () => new Kvm(nc).open(CONFIG_BUCKET, { allow_direct: true }))

/** Compares the ledger stream, and does not create it: an empty new stream would be taken for the ledger. */
const requireExisting: Ensure = (nc, jsm, wanted) =>
  pipe(
    tryStream(`stream ${wanted.name}`, () => jsm.streams.info(wanted.name)),
    TE.chain(checkExisting(nc, wanted)),
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
        const [ledger, letters, bucket, ...others] = allSettings(options)
        return TE.sequenceSeqArray([
          ledgerStream(nc, jsm, ledger),
          ensureStream(nc, jsm, letters),
          // a bucket with other settings does not stop the start, since it never holds the truth: the running ledger
          // reports it
          createIfMissing(nc, jsm, bucket),
          ...others.map(wanted => ensureStream(nc, jsm, wanted)),
        ])
      }),
      TE.chain(() => openBucket(nc)),
    )

/**
 * Creates the streams and the bucket that are missing, and gives the bucket. Only for a new installation, which
 * `belonging/look.ts` recognises. Fails with `SettingsDiffer`, which names each setting that is not ours, or the
 * server that must not be used.
 */
export const provision = provisionWith(ensureStream)

/** Like `provision`, but the ledger stream has to exist: `NotFound` when it does not. */
export const provisionBeside = provisionWith(requireExisting)

/**
 * Checks that a stream has our settings now. For a stream that stays compressed the error gives the reason, which says
 * more than the difference.
 */
const compareApplied =
  (nc: NatsConnection) =>
  (wanted: StreamSettings, found: StreamInfo | undefined): TaskEither<StreamError, StreamInfo>[] => {
    if (found === undefined) return []
    const stays = staysCompressed(nc, wanted, found)
    return stays === undefined
      ? [compareSettings(wanted, found)]
      : [TE.left({ tag: 'SettingsDiffer', message: `stream ${wanted.name} stays compressed: ${stays}` })]
  }

/**
 * Gives the server's streams and the bucket our settings (`jetledger stream apply`). Settings that nats-server does not
 * take back, or that it might not survive, are left, and then it fails with `SettingsDiffer`.
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

/**
 * Makes the stream of the checkpoint of transaction ids, or gives it our settings. The ledger works without it, so a failure
 * is no failure of the ledger.
 */
export const applyTransactionIds = (
  nc: NatsConnection,
  options: SettingsOptions,
): TaskEither<StreamError, StreamInfo> =>
  pipe(
    manager(nc),
    TE.chain(jsm => applyTo(nc, jsm, transactionIdsStream(options))),
  )

/** Reads a stream's settings, state and cluster from the server. */
export const streamInfo = (nc: NatsConnection, name: string): TaskEither<StreamError, StreamInfo> =>
  pipe(
    manager(nc),
    TE.chain(jsm => tryStream(`stream ${name}`, () => jsm.streams.info(name))),
  )
