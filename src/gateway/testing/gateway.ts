/** What the specs of the gateway share: a real ledger with its service, and a gateway in front of it. */

import type { NatsConnection } from 'nats'
import { pino } from 'pino'
import { right, startTestLedger, type TestLedger } from '../../../test/support/ledger.js'
import { until } from '../../../test/support/servers.js'
import { commandEndpoints } from '../../commands/endpoints.js'
import { createEngine } from '../../commands/engine.js'
import { createHealth } from '../../health.js'
import { createMetrics } from '../../metrics.js'
import { balances } from '../../projections/balances.js'
import { startProjector } from '../../projections/runner.js'
import { balanceEndpoint } from '../../queries/balance.js'
import { createBatcher } from '../../queries/batcher.js'
import { startService } from '../../service/service.js'
import { tableExists } from '../../tables/provision.js'
import { createServer, type GatewayOptions, type HttpServer, type ServerOptions } from '../server.js'

const LOOPBACK = '127.0.0.1'
const TABLE_MS_MAX = 20_000

export type TestService = { readonly ledger: TestLedger; readonly stop: () => Promise<void> }

/** A ledger with everything that serves subjects today. */
export const startTestService = async (): Promise<TestService> => {
  const ledger = await startTestLedger()
  const projector = startProjector(ledger, balances)
  await until(() => right(tableExists(ledger.tables, ledger.table)), {
    deadline_ms: TABLE_MS_MAX,
    what: 'the table',
  })
  const engine = createEngine(ledger, { queue_max: 1_000, timeout_ms: 3_000 })
  const limits = { max_in_flight: 1_000, timeout_ms: 9_000 }
  const read = createBatcher({ tables: ledger.tables, table: ledger.table, calls_in_flight_max: 8 })
  const service = await startService(ledger.nc, {
    name: 'customer',
    version: '0.0.1',
    description: 'customer service',
    log: ledger.log,
    endpoints: [...commandEndpoints(engine, ledger, limits), balanceEndpoint(read, limits)],
  })
  return {
    ledger,
    stop: async () => {
      await service.stop()
      await engine.stop()
      await projector.stop()
      await ledger.stop()
    },
  }
}

export type TestGateway = HttpServer & {
  readonly url: string
  readonly call: (path: string, init?: RequestInit) => Promise<Response>
  /** POSTs JSON. */
  readonly post: (path: string, body: unknown, headers?: Record<string, string>) => Promise<Response>
}

/** A gateway over `nc`, listening on a free port of the loopback interface. */
export const startTestGateway = async (
  nc: NatsConnection | undefined,
  gateway: Partial<GatewayOptions> = {},
  server: Partial<ServerOptions> = {},
): Promise<TestGateway> => {
  const http = await createServer({
    health: createHealth(() => undefined),
    readiness: async () => ({}),
    metrics: createMetrics(),
    log: pino({ level: 'silent' }),
    version: '0.0.1',
    tls: undefined,
    gateway: {
      connection: () => nc,
      max_in_flight: 1_000,
      tokens: undefined,
      origins: [],
      rate: undefined,
      ...gateway,
    },
    ...server,
  })
  const port = await http.listen(LOOPBACK, 0)
  const url = `${server.tls === undefined ? 'http' : 'https'}://${LOOPBACK}:${port}`
  const call: TestGateway['call'] = (path, init) => fetch(url + path, init)
  const post: TestGateway['post'] = (path, body, headers = {}) =>
    call(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    })
  return { ...http, url, call, post }
}
