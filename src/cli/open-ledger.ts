/**
 * An open ledger: the connections and the streams of a process, before any role.
 */

import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import type { JetStreamManager } from '@nats-io/jetstream'
import type { KV } from '@nats-io/kv'
import type { NatsConnection } from 'nats'
import type { Logger } from 'pino'
import { type BackOff, pause } from '../back-off.js'
import { E } from '../fp.js'
import type { Health } from '../health.js'
import type { StreamError } from '../stream/errors.js'
import { manager, provision } from '../stream/provision.js'
import { createTablesClient } from '../tables/client.js'
import { type Config, settingsOf } from './config.js'
import type { Environment } from './environment.js'
import { Failure, orFail } from './failure.js'
import { connectForEver } from './nats.js'

/** The part of health that says whether the roles are started. */
export const START = 'start'
const PROVISION_BACK_OFF: BackOff = { first_ms: 100, max_ms: 5_000 }

export type Ledger = {
  readonly config: Config
  readonly nc: NatsConnection
  readonly jsm: JetStreamManager
  readonly kv: KV
  readonly tables: DynamoDBDocumentClient
  readonly log: Logger
  readonly health: Health
}

/** The streams and the bucket; waits for JetStream while it has no leader yet, but not for settings that differ. */
const provisioned = async (
  nc: NatsConnection,
  config: Config,
  log: Logger,
  health: Health,
  signal: AbortSignal,
): Promise<KV> => {
  for (let attempt = 1; ; attempt += 1) {
    const result = await provision(nc, settingsOf(config))()
    if (E.isRight(result)) return result.right
    const error: StreamError = result.left
    if (error.tag !== 'TryAgain' || signal.aborted) throw new Failure(error.message, { cause: error.cause })
    log.warn({ reason: error.message }, 'JetStream is not ready yet')
    health.report(START, 'down', `waiting for JetStream: ${error.message}`)
    await pause(PROVISION_BACK_OFF, attempt, signal)
  }
}

/** Connects and provisions, without any role: what `seed` and `dev` do first. */
export const openLedger = async (
  { config, aws }: Environment,
  log: Logger,
  health: Health,
  signal: AbortSignal,
): Promise<Ledger> => {
  health.report(START, 'down', 'waiting for NATS and its streams')
  const nc = await connectForEver(config, log, health)
  const kv = await provisioned(nc, config, log, health, signal)
  const jsm = await orFail(manager(nc))
  const tables = createTablesClient({
    endpoint: config.AWS_ENDPOINT_URL_DYNAMODB,
    region: aws?.region ?? config.AWS_REGION,
    credentials: aws?.credentials,
  })
  return { config, nc, jsm, kv, tables, log, health }
}
