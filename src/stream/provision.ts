/**
 * Creates the streams and the bucket where they are missing, and compares them where they are not.
 */

import { type JetStreamManager, jetstreamManager, type StreamInfo } from '@nats-io/jetstream'
import { type KV, Kvm } from '@nats-io/kv'
import type { NatsConnection } from 'nats'
import { pipe, type TaskEither, TE } from '../fp.js'
import { type StreamError, tryStream } from './errors.js'
import {
  CONFIG_BUCKET,
  configBucket,
  deadLetterStream,
  differences,
  ledgerStream,
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
  const differs = differences(wanted, found.config as unknown as Record<string, unknown>)
  return differs.length === 0
    ? TE.right(found)
    : TE.left({
        tag: 'SettingsDiffer',
        message: `stream ${wanted.name} differs in ${differs.join('; ')} ("jetledger stream apply" changes it)`,
      })
}

const create = (jsm: JetStreamManager, wanted: StreamSettings): TaskEither<StreamError, StreamInfo> =>
  // creating is idempotent for equal settings, so instances that start together do not trip over each other
  tryStream(`create stream ${wanted.name}`, () => jsm.streams.add(wanted))

const ensureStream = (jsm: JetStreamManager, wanted: StreamSettings): TaskEither<StreamError, StreamInfo> =>
  pipe(
    info(jsm, wanted.name),
    TE.chain(found => (found === undefined ? create(jsm, wanted) : compared(wanted, found))),
  )

const applyTo = (jsm: JetStreamManager, wanted: StreamSettings): TaskEither<StreamError, StreamInfo> =>
  pipe(
    info(jsm, wanted.name),
    TE.chain(found =>
      found === undefined
        ? create(jsm, wanted)
        : tryStream(`update stream ${wanted.name}`, () => jsm.streams.update(wanted.name, wanted)),
    ),
  )

const openBucket = (nc: NatsConnection, options: SettingsOptions): TaskEither<StreamError, KV> =>
  tryStream(`bucket ${CONFIG_BUCKET}`, () => new Kvm(nc).create(CONFIG_BUCKET, configBucket(options)))

const both =
  (each: typeof ensureStream) =>
  (nc: NatsConnection, options: SettingsOptions): TaskEither<StreamError, StreamInfo[]> =>
    pipe(
      manager(nc),
      TE.chain(jsm =>
        TE.sequenceSeqArray([each(jsm, ledgerStream(options)), each(jsm, deadLetterStream(options))]),
      ),
      TE.map(infos => [...infos]),
    )

/** What a running instance needs of JetStream. Fails with `SettingsDiffer` naming each setting that is not ours. */
export const provision = (nc: NatsConnection, options: SettingsOptions): TaskEither<StreamError, KV> =>
  pipe(
    both(ensureStream)(nc, options),
    TE.chain(() => openBucket(nc, options)),
  )

/** Makes the server's streams as our settings say (`jetledger stream apply`). */
export const applySettings = both(applyTo)

/** A stream as the server has it: settings, state and cluster. */
export const streamInfo = (nc: NatsConnection, name: string): TaskEither<StreamError, StreamInfo> =>
  pipe(
    manager(nc),
    TE.chain(jsm => tryStream(`stream ${name}`, () => jsm.streams.info(name))),
  )
