/**
 * What the subcommands that do one thing share: the environment, one connection, and its end.
 */

import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import type { StreamConfig } from '@nats-io/jetstream'
import type { NatsConnection } from 'nats'
import { E } from '../fp.js'
import { settingsOf } from '../process/config.js'
import { type Environment, readEnvironment } from '../process/environment.js'
import { connectOnce } from '../process/nats.js'
import { streamInfo } from '../stream/provision.js'
import { configStream, DEAD_LETTER_STREAM, LEDGER_STREAM, type SettingsOptions } from '../stream/settings.js'
import { createTablesClient } from '../tables/client.js'

export type Connected = Environment & { readonly nc: NatsConnection }

/** A client of the environment's DynamoDB. */
export const tablesOf = ({ config, aws }: Environment): DynamoDBDocumentClient =>
  createTablesClient({
    endpoint: config.AWS_ENDPOINT_URL_DYNAMODB,
    region: aws?.region ?? config.AWS_REGION,
    credentials: aws?.credentials,
  })

/** Connects as the environment says, does `work`, and drains the connection whatever comes of it. */
export const withNats = async <A>(work: (connected: Connected) => Promise<A>): Promise<A> => {
  const environment = readEnvironment()
  const nc = await connectOnce(environment.config)
  try {
    return await work({ ...environment, nc })
  } finally {
    await nc.drain()
  }
}

const configOf = async (nc: NatsConnection, stream: string): Promise<StreamConfig | undefined> => {
  const found = await streamInfo(nc, stream)()
  return E.isLeft(found) ? undefined : found.right.config
}

/** A limit that a stream has and the environment does not speak of. */
const ownLimit = (stated: number | undefined, stream: StreamConfig | undefined): number | undefined =>
  stated === undefined && stream !== undefined && stream.max_bytes > 0 ? stream.max_bytes : undefined

/**
 * The settings of the environment; what it does not say is as the streams have it. Where the ledger's own stream is gone,
 * what stands beside it tells of the replicas.
 */
export const settingsFor = async ({ nc, config }: Connected): Promise<SettingsOptions> => {
  const wanted = settingsOf(config)
  const ledger = await configOf(nc, LEDGER_STREAM)
  const letters = await configOf(nc, DEAD_LETTER_STREAM)
  const beside = ledger ?? letters ?? (await configOf(nc, configStream(wanted).name))
  const bytes_max = ownLimit(config.JETLEDGER_STREAM_BYTES_MAX, ledger)
  const dead_letter_bytes_max = ownLimit(config.JETLEDGER_DEAD_LETTER_BYTES_MAX, letters)
  return {
    ...wanted,
    replicas: config.JETLEDGER_REPLICAS ?? beside?.num_replicas ?? wanted.replicas,
    ...(bytes_max === undefined ? {} : { bytes_max }),
    ...(dead_letter_bytes_max === undefined ? {} : { dead_letter_bytes_max }),
  }
}
