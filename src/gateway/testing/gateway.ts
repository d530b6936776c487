/** The common parts of the gateway's specs: a real ledger with its service, and a gateway in front of it. */

import { createHash } from 'node:crypto'
import type { NatsConnection } from 'nats'
import { pino } from 'pino'
import { startTestLedger, type TestLedger } from '../../../test/support/ledger.js'
import { E } from '../../fp.js'
import { createHealth } from '../../health.js'
import { createMetrics } from '../../metrics.js'
import { decodeConfig } from '../../process/config.js'
import { startRoles } from '../../process/roles.js'
import { bytesOfPaper } from '../../statement/paper.js'
import { createServer, type GatewayOptions, type HttpServer, type ServerOptions } from '../server.js'
import { readTokens, type Tokens } from '../tokens.js'

const LOOPBACK = '127.0.0.1'
const START_MS_MAX = 30_000

/** Tokens of a file, each with its name as its secret. */
export const tokensNamed = (
  ...tokens: readonly Readonly<Record<string, unknown> & { name: string }>[]
): Tokens => {
  const entries = tokens.map(token => ({
    sha256: createHash('sha256').update(token.name).digest('hex'),
    scopes: ['read', 'write'],
    ...token,
  }))
  const read = readTokens(JSON.stringify({ tokens: entries }))
  if (E.isLeft(read)) throw new Error(read.left)
  return read.right
}

export type TestService = { readonly ledger: TestLedger; readonly stop: () => Promise<void> }

/** A ledger with every role but the gateway. */
export const startTestService = async (): Promise<TestService> => {
  const ledger = await startTestLedger()
  const config = decodeConfig({
    DDB_TABLE: ledger.base_table,
    JETLEDGER_REPLICAS: '1',
    JETLEDGER_CALLERS: 'gateway',
  })
  if (E.isLeft(config)) throw new Error(config.left)
  const instance = await startRoles({ ...ledger, config: config.right }, AbortSignal.timeout(START_MS_MAX))
  return {
    ledger,
    stop: async () => {
      await instance.stop()
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
      service: () => nc && { nc },
      max_in_flight: 1_000,
      tokens: undefined,
      origins: [],
      rate: undefined,
      proxies: 0,
      // the thread's module exists in the built program only
      makePdf: bytesOfPaper,
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
