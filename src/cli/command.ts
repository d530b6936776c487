/**
 * Shared parts of the subcommands that do one thing and end: the environment, one connection, the streams' settings.
 */

import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import type { StreamConfig } from '@nats-io/jetstream'
import type { NatsConnection } from 'nats'
import { E } from '../fp.js'
import { settingsOf } from '../process/config.js'
import { type Environment, readEnvironment } from '../process/environment.js'
import { connectOnce } from '../process/nats.js'
import { streamInfo } from '../stream/provision.js'
import {
  configStream,
  DEAD_LETTER_STREAM,
  HEAD_STREAM,
  LEDGER_STREAM,
  PERSON_KEY_STREAM,
  type SettingsOptions,
} from '../stream/settings.js'
import { createTablesClient } from '../tables/client.js'

export type Connected = Environment & { readonly nc: NatsConnection }

/** A client for the DynamoDB that the environment names. */
export const tablesOf = ({ config, aws }: Environment): DynamoDBDocumentClient =>
  createTablesClient({
    endpoint: config.AWS_ENDPOINT_URL_DYNAMODB,
    region: aws?.region ?? config.AWS_REGION,
    credentials: aws?.credentials,
  })

/** Connects as the environment says, does `work`, and drains the connection also when the work fails. */
export const withNats = async <A>(work: (connected: Connected) => Promise<A>): Promise<A> => {
  const environment = readEnvironment()
  const nc = await connectOnce(environment.config)
  try {
    return await work({ ...environment, nc })
  } finally {
    // a connection that was lost for good is closed already, and has said why
    if (!nc.isClosed()) await nc.drain()
  }
}

const configOf = async (nc: NatsConnection, stream: string): Promise<StreamConfig | undefined> => {
  const found = await streamInfo(nc, stream)()
  return E.isLeft(found) ? undefined : found.right.config
}

/** The size limit of an existing stream, when the environment states none. */
const ownLimit = (stated: number | undefined, stream: StreamConfig | undefined): number | undefined =>
  stated === undefined && stream !== undefined && stream.max_bytes > 0 ? stream.max_bytes : undefined

/**
 * The settings from the environment; a setting that it does not state is taken from the existing streams. When the
 * ledger stream is gone, the number of replicas is taken from the stream of dead letters or from the bucket.
 */
export const settingsFor = async ({ nc, config }: Connected): Promise<SettingsOptions> => {
  const wanted = settingsOf(config)
  const ledger = await configOf(nc, LEDGER_STREAM)
  const letters = await configOf(nc, DEAD_LETTER_STREAM)
  const beside = ledger ?? letters ?? (await configOf(nc, configStream(wanted).name))
  const bytes_max = ownLimit(config.JETLEDGER_STREAM_BYTES_MAX, ledger)
  const dead_letter_bytes_max = ownLimit(config.JETLEDGER_DEAD_LETTER_BYTES_MAX, letters)
  const has_heads = wanted.has_heads === true || (await configOf(nc, HEAD_STREAM)) !== undefined
  const has_person_keys =
    wanted.has_person_keys === true || (await configOf(nc, PERSON_KEY_STREAM)) !== undefined
  return {
    ...wanted,
    has_heads,
    has_person_keys,
    replicas: config.JETLEDGER_REPLICAS ?? beside?.num_replicas ?? wanted.replicas,
    ...(bytes_max === undefined ? {} : { bytes_max }),
    ...(dead_letter_bytes_max === undefined ? {} : { dead_letter_bytes_max }),
  }
}
