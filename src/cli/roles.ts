/**
 * Composes a running instance: the roles of this process over one connection to NATS and one DynamoDB client.
 */

import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import type { JetStreamManager } from '@nats-io/jetstream'
import type { KV } from '@nats-io/kv'
import type { NatsConnection } from 'nats'
import type { Logger } from 'pino'
import { type BackOff, pause } from '../back-off.js'
import { E } from '../fp.js'
import type { Health } from '../health.js'
import { startProjector } from '../projections/runner.js'
import { balanceEndpoint } from '../queries/balance.js'
import { createBatcher } from '../queries/batcher.js'
import { startService } from '../service/service.js'
import type { StreamError } from '../stream/errors.js'
import { manager, provision } from '../stream/provision.js'
import { createTablesClient } from '../tables/client.js'
import { type Config, settingsOf } from './config.js'
import type { Environment } from './environment.js'
import { Failure, orFail } from './failure.js'
import { connectForEver } from './nats.js'
import { VERSION } from './version.js'

const QUERY_TIMEOUT_MS = 4_000
const BATCH_READS_IN_FLIGHT_MAX = 8
const PROVISION_BACK_OFF: BackOff = { first_ms: 100, max_ms: 5_000 }

export type Instance = {
  /** No new requests, then the projector's batch in hand, then the connections. */
  readonly stop: () => Promise<void>
}

type Part = { readonly stop: () => Promise<void> }

/** An open ledger: its connections, before any role. */
export type Ledger = {
  readonly config: Config
  readonly nc: NatsConnection
  readonly jsm: JetStreamManager
  readonly kv: KV
  readonly tables: DynamoDBDocumentClient
  readonly log: Logger
  readonly health: Health
}

const startQueries = async ({ config, nc, tables, log }: Ledger): Promise<Part> => {
  const read = createBatcher({
    tables,
    table: config.DDB_TABLE,
    calls_in_flight_max: BATCH_READS_IN_FLIGHT_MAX,
  })
  const limits = { max_in_flight: config.JETLEDGER_MAX_IN_FLIGHT, timeout_ms: QUERY_TIMEOUT_MS }
  const endpoints = [balanceEndpoint(read, limits)]
  const service = await startService(nc, {
    name: 'customer',
    version: VERSION,
    description: 'customer service',
    log,
    endpoints,
  })
  log.info({ subjects: endpoints.map(({ subject }) => subject) }, 'queries: answering')
  return service
}

const startProjections = ({ config, ...ledger }: Ledger): Part =>
  startProjector({ ...ledger, table: config.DDB_TABLE })

/** The streams and the bucket; waits for JetStream while it has no leader yet, but not for settings that differ. */
const provisioned = async (
  nc: NatsConnection,
  config: Config,
  log: Logger,
  signal: AbortSignal,
): Promise<KV> => {
  for (let attempt = 1; ; attempt += 1) {
    const result = await provision(nc, settingsOf(config))()
    if (E.isRight(result)) return result.right
    const error: StreamError = result.left
    if (error.tag !== 'TryAgain' || signal.aborted) throw new Failure(error.message, { cause: error.cause })
    log.warn({ reason: error.message }, 'JetStream is not ready yet')
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
  const nc = await connectForEver(config, log, health)
  const kv = await provisioned(nc, config, log, signal)
  const jsm = await orFail(manager(nc))
  const tables = createTablesClient({
    endpoint: config.AWS_ENDPOINT_URL_DYNAMODB,
    region: aws?.region ?? config.AWS_REGION,
    credentials: aws?.credentials,
  })
  return { config, nc, jsm, kv, tables, log, health }
}

/** Starts the configured roles on an open ledger. */
export const startRoles = async (ledger: Ledger): Promise<Instance> => {
  const { config, nc, tables } = ledger
  const queries = config.JETLEDGER_ROLES.includes('queries') ? await startQueries(ledger) : undefined
  const projections = config.JETLEDGER_ROLES.includes('projections') ? startProjections(ledger) : undefined
  return {
    stop: async () => {
      await queries?.stop()
      await projections?.stop()
      await nc.drain()
      tables.destroy()
    },
  }
}
