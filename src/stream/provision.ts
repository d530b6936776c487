/**
 * Creates the streams and the bucket where they are missing, and compares them where they are not.
 */

import { type JetStreamManager, jetstreamManager, type StreamInfo } from '@nats-io/jetstream'
import { type KV, Kvm } from '@nats-io/kv'
import type { NatsConnection } from 'nats'
import { pipe, type TaskEither, TE } from '../fp.js'
import { type StreamError, tryStream } from './errors.js'
import {
  allSettings,
  CONFIG_BUCKET,
  describeDifferences,
  differencesOf,
  lastingOf,
  PAYLOAD_BYTES_MIN,
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
  return message === undefined ? TE.right(found) : TE.left({ tag: 'SettingsDiffer', message })
}

/** nats-server's code where an account wants a limit on every stream. */
const LIMIT_REQUIRED = 10_113
const LIMIT_ADVICE =
  'the account wants a limit on every stream: set JETLEDGER_STREAM_BYTES_MAX (and JETLEDGER_DEAD_LETTER_BYTES_MAX, a tenth of it unless set)'

/** Events and letters have to fit into messages of the server. */
const payloadProblem = (nc: NatsConnection): StreamError | undefined => {
  const bytes = nc.info?.max_payload ?? PAYLOAD_BYTES_MIN
  return bytes >= PAYLOAD_BYTES_MIN
    ? undefined
    : {
        tag: 'SettingsDiffer',
        message: `the server takes messages of ${bytes} bytes only, and ${PAYLOAD_BYTES_MIN} are needed: raise its max_payload`,
      }
}

const create = (jsm: JetStreamManager, wanted: StreamSettings): TaskEither<StreamError, StreamInfo> =>
  // creating is idempotent for equal settings, so instances that start together do not trip over each other
  pipe(
    tryStream(`create stream ${wanted.name}`, () => jsm.streams.add(wanted)),
    TE.mapLeft(error =>
      error.code === LIMIT_REQUIRED
        ? { ...error, tag: 'SettingsDiffer' as const, message: `${error.message}: ${LIMIT_ADVICE}` }
        : error,
    ),
  )

const ensureBucket = (jsm: JetStreamManager, wanted: StreamSettings): TaskEither<StreamError, StreamInfo> =>
  pipe(
    info(jsm, wanted.name),
    TE.chain(found => (found === undefined ? create(jsm, wanted) : TE.right(found))),
  )

const ensureStream = (jsm: JetStreamManager, wanted: StreamSettings): TaskEither<StreamError, StreamInfo> =>
  pipe(
    info(jsm, wanted.name),
    TE.chain(found => (found === undefined ? create(jsm, wanted) : compared(wanted, found))),
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

const applyTo = (jsm: JetStreamManager, wanted: StreamSettings): TaskEither<StreamError, StreamInfo> =>
  pipe(
    info(jsm, wanted.name),
    TE.chain(found =>
      found === undefined
        ? create(jsm, wanted)
        : tryStream(`update stream ${wanted.name}`, () =>
            jsm.streams.update(wanted.name, {
              ...switchedOff(wanted, found),
              ...wanted,
              ...lastingOf(wanted, configOf(found)),
            }),
          ),
    ),
  )

/** Opens the bucket over its stream, and makes none. */
export const openBucket = (nc: NatsConnection): TaskEither<StreamError, KV> =>
  tryStream(`bucket ${CONFIG_BUCKET}`, () => new Kvm(nc).open(CONFIG_BUCKET, { allow_direct: true }))

/** Compares the ledger stream, which has to be there: an empty one in its place would pass for the ledger. */
const existing = (jsm: JetStreamManager, wanted: StreamSettings): TaskEither<StreamError, StreamInfo> =>
  pipe(
    tryStream(`stream ${wanted.name}`, () => jsm.streams.info(wanted.name)),
    TE.chain(found => compared(wanted, found)),
  )

const provisionWith =
  (ledgerStream: typeof ensureStream) =>
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
          ledgerStream(jsm, ledger),
          ensureStream(jsm, letters),
          // a bucket that differs is told of while the ledger runs: nothing in it is the truth
          ensureBucket(jsm, bucket),
        ])
      }),
      TE.chain(() => openBucket(nc)),
    )

/**
 * What a running instance needs of JetStream, made where it is missing: for a new installation (`look.ts` tells).
 * Fails with `SettingsDiffer` naming each setting that is not ours.
 */
export const provision = provisionWith(ensureStream)

/** The same beside a ledger stream that has to be there: `NotFound` when it is not. */
export const provisionBeside = provisionWith(existing)

const compareAll = (wanted: StreamSettings, found: StreamInfo | undefined) =>
  found === undefined ? [] : [compared(wanted, found)]

/**
 * Makes the server's streams and the bucket as our settings say (`jetledger stream apply`). What nats-server does not take
 * back is left, and `SettingsDiffer` at the end.
 */
export const applySettings = (nc: NatsConnection, options: SettingsOptions): TaskEither<StreamError, void> =>
  pipe(
    manager(nc),
    TE.chain(jsm =>
      pipe(
        TE.sequenceSeqArray(allSettings(options).map(wanted => applyTo(jsm, wanted))),
        TE.chain(applied =>
          TE.sequenceSeqArray(allSettings(options).flatMap((wanted, i) => compareAll(wanted, applied[i]))),
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
