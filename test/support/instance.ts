/**
 * Runs a whole instance in the test's own process: the roles `commands`, `projections` and `queries`, composed as in the
 * program, over servers that outlive the instance.
 */

import type { JetStreamManager } from '@nats-io/jetstream'
import { connect, type Msg, type NatsConnection } from 'nats'
import { pino } from 'pino'
import { E } from '../../src/fp.js'
import { createHealth, type HealthEntry } from '../../src/health.js'
import { decodeConfig } from '../../src/process/config.js'
import { type Connection, connectLedger } from '../../src/process/open-ledger.js'
import { ledgerReadiness } from '../../src/process/readiness.js'
import { supervise } from '../../src/process/supervise.js'
import { manager } from '../../src/stream/provision.js'
import { createTablesClient } from '../../src/tables/client.js'
import { LOCAL, right } from './ledger.js'
import { startTestServers, type TestServers } from './servers.js'

export type TestInstance = {
  readonly ledger: Connection
  /** The answer that `GET /readyz` would give now, part by part. */
  readonly readiness: () => Promise<Readonly<Record<string, HealthEntry>>>
  readonly stop: () => Promise<void>
}

export type World = {
  readonly servers: TestServers
  readonly nc: NatsConnection
  readonly jsm: JetStreamManager
  readonly tables: ReturnType<typeof createTablesClient>
  readonly start: () => Promise<TestInstance>
  readonly ask: (subject: string, request: unknown) => Promise<Msg>
  readonly stop: () => Promise<void>
}

export const TABLE = 'customer-balances'

const start = async (servers: TestServers): Promise<TestInstance> => {
  const config = decodeConfig({
    NATS_URL: servers.nats.url,
    AWS_ENDPOINT_URL_DYNAMODB: servers.dynamodb.endpoint,
    DDB_TABLE: TABLE,
    JETLEDGER_REPLICAS: '1',
    JETLEDGER_ROLES: 'commands,projections,queries',
    LOG_LEVEL: 'silent',
  })
  if (E.isLeft(config)) throw new Error(config.left)
  const ending = new AbortController()
  const health = createHealth(() => undefined)
  const log = pino({ level: 'silent' })
  const ledger = await connectLedger({ config: config.right, aws: LOCAL }, log, health)
  const roles = supervise(ledger, { signal: ending.signal, is_patient: false })
  await roles.started
  return {
    ledger,
    // each call checks again; otherwise an answer is reused for a second
    readiness: () => ledgerReadiness(ledger)(),
    stop: async () => {
      ending.abort()
      await roles.stop()
    },
  }
}

const REQUEST_MS_MAX = 10_000

/** Starts servers and clients for one test, which outlive its instances. */
export const startWorld = async (): Promise<World> => {
  const servers = await startTestServers()
  const nc = await connect({ servers: servers.nats.url })
  const tables = createTablesClient({ endpoint: servers.dynamodb.endpoint, ...LOCAL })
  const running: TestInstance[] = []
  return {
    servers,
    nc,
    jsm: await right(manager(nc)),
    tables,
    start: async () => {
      const instance = await start(servers)
      running.push(instance)
      return instance
    },
    ask: (subject, request) => nc.request(subject, JSON.stringify(request), { timeout: REQUEST_MS_MAX }),
    stop: async () => {
      await Promise.all(running.map(instance => instance.stop().catch(() => undefined)))
      await nc.close()
      tables.destroy()
      await servers.stop()
    },
  }
}
