/**
 * Opens a ledger: makes the connections of a process to NATS and DynamoDB, and begins to check the streams. Roles start
 * later, on what this file returns.
 */

import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import type { JetStreamManager } from '@nats-io/jetstream'
import type { KV } from '@nats-io/kv'
import type { NatsConnection } from 'nats'
import type { Logger } from 'pino'
import type { Health } from '../health.js'
import { manager } from '../stream/provision.js'
import { createTablesClient, regionProblem } from '../tables/client.js'
import { type Config, settingsOf } from './config.js'
import type { Environment } from './environment.js'
import { Failure, orFail } from './failure.js'
import { configuredSigner } from './head-key.js'
import { provesLeader } from './leave-cut-off.js'
import { askMembers } from './members.js'
import { connectForEver } from './nats.js'
import { type Standing, startStanding } from './standing.js'
import { tableWitnesses } from './witnesses.js'

/** The part of health that says whether the roles are started. */
export const START = 'start'

/** The connections and settings that a role works with. */
export type Ledger = {
  readonly config: Config
  readonly nc: NatsConnection
  readonly jsm: JetStreamManager
  readonly kv: KV
  readonly tables: DynamoDBDocumentClient
  readonly log: Logger
  readonly health: Health
  /** Tells why the ledger must not be used at the moment. Undefined: it may always be used. */
  readonly standing?: Pick<Standing, 'reason'>
}

/** The connections of a process, before it is known whether the stream behind them is the right one. */
export type Connection = Omit<Ledger, 'kv' | 'standing'> & {
  readonly standing: Standing
  readonly close: () => Promise<void>
}

/** Connects to NATS and DynamoDB, and begins to check the ledger. */
export const connectLedger = async (
  { config, aws }: Environment,
  log: Logger,
  health: Health,
): Promise<Connection> => {
  // a wrong seed shows before anything else is done
  if (config.JETLEDGER_ROLES.includes('projections')) configuredSigner(config)
  const tables = createTablesClient({
    endpoint: config.AWS_ENDPOINT_URL_DYNAMODB,
    region: aws?.region ?? config.AWS_REGION,
    credentials: aws?.credentials,
  })
  const problem = await regionProblem(tables)
  if (problem !== undefined) throw new Failure(problem, { exit_code: 2 })
  health.report(START, 'down', 'waiting for NATS and its streams')
  const nc = await connectForEver(config, log, health, provesLeader)
  const jsm = await orFail(manager(nc))
  const standing = startStanding({
    nc,
    jsm,
    settings: settingsOf(config),
    tables: tableWitnesses({ jsm, tables, base: config.DDB_TABLE }),
    askMembers: () => askMembers(nc, config.nats.urls),
    has_projections: config.JETLEDGER_ROLES.includes('projections'),
    renews_record: config.JETLEDGER_ROLES.some(role => role === 'commands' || role === 'projections'),
    log,
    health,
  })
  return {
    config,
    nc,
    jsm,
    tables,
    log,
    health,
    standing,
    close: async () => {
      // a connection that was lost for good is closed already
      if (!nc.isClosed()) await nc.drain()
      tables.destroy()
    },
  }
}
