/**
 * What the subcommands that do one thing share: the environment, one connection, and its end.
 */

import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import type { NatsConnection } from 'nats'
import { E } from '../fp.js'
import { streamInfo } from '../stream/provision.js'
import { DEAD_LETTER_STREAM, LEDGER_STREAM, type SettingsOptions } from '../stream/settings.js'
import { createTablesClient } from '../tables/client.js'
import { settingsOf } from './config.js'
import { type Environment, readEnvironment } from './environment.js'
import { connectOnce } from './nats.js'

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

/** The settings of the environment; what it does not say is as the stream has it, where there is one. */
export const settingsFor = async ({ nc, config }: Connected): Promise<SettingsOptions> => {
  const wanted = settingsOf(config)
  const found = await streamInfo(nc, LEDGER_STREAM)()
  if (E.isLeft(found)) return wanted
  const { num_replicas, max_bytes } = found.right.config
  const isLimited = config.JETLEDGER_STREAM_BYTES_MAX === undefined && max_bytes > 0
  const letters = await streamInfo(nc, DEAD_LETTER_STREAM)()
  const letters_bytes = E.isRight(letters) ? letters.right.config.max_bytes : -1
  const areLettersLimited = config.JETLEDGER_DEAD_LETTER_BYTES_MAX === undefined && letters_bytes > 0
  return {
    ...wanted,
    replicas: config.JETLEDGER_REPLICAS ?? num_replicas,
    ...(isLimited ? { bytes_max: max_bytes } : {}),
    ...(areLettersLimited ? { dead_letter_bytes_max: letters_bytes } : {}),
  }
}
