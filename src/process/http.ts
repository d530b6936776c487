/**
 * The HTTP port of a process. It always serves health, readiness and metrics; with the role `gateway` also the API.
 *
 * The port listens before the connection to NATS exists, so that a process that waits can be asked what it waits for.
 */

import type { NatsConnection } from 'nats'
import type { Logger } from 'pino'
import type { Local } from '../gateway/local.js'
import type { Readiness } from '../gateway/operations.js'
import { createRateLimit } from '../gateway/rate-limit.js'
import { createServer, type HttpServer } from '../gateway/server.js'
import type { Health } from '../health.js'
import { metrics } from '../metrics.js'
import type { Config } from './config.js'
import { Failure } from './failure.js'
import { startHttpTokens } from './http-tokens.js'
import { readKeyPair, type TlsKeyPair } from './key-pair.js'
import { notReady } from './readiness.js'
import { watchProcess } from './service-metrics.js'
import { VERSION } from './version.js'

const LOOPBACK = '127.0.0.1'
const ALL_INTERFACES = '0.0.0.0'

export type Http = Pick<HttpServer, 'drain' | 'stop'> & {
  /** The address, without a path. */
  readonly url: string
  /** From this call on, the gateway sends requests over the connection, and `/readyz` calls `readiness`. */
  readonly attach: (nc: NatsConnection, readiness: Readiness) => void
  /** From this call on, the gateway asks the roles of this process itself, where they serve; undefined: no more. */
  readonly attachLocal: (roles: Local | undefined) => void
}

export type HttpOptions = {
  readonly config: Config
  readonly health: Health
  readonly log: Logger
  /** The name of the option that chooses another port, for the error message. */
  readonly option: string
  readonly loopback?: boolean
  readonly port?: number
}

const tlsOf = ({ HTTP_TLS_CERT, HTTP_TLS_KEY }: Config): TlsKeyPair | undefined =>
  HTTP_TLS_CERT === undefined || HTTP_TLS_KEY === undefined
    ? undefined
    : readKeyPair(
        { variable: 'HTTP_TLS_CERT', path: HTTP_TLS_CERT },
        { variable: 'HTTP_TLS_KEY', path: HTTP_TLS_KEY },
      )

const listen = async (server: HttpServer, host: string, port: number, option: string): Promise<number> => {
  try {
    return await server.listen(host, port)
  } catch (cause) {
    const is_taken = cause instanceof Error && 'code' in cause && cause.code === 'EADDRINUSE'
    const advice = `stop it, or choose another with ${option} (0 = a free one)`
    const message = cause instanceof Error ? cause.message : String(cause)
    throw new Failure(is_taken ? `Port ${port} is taken by another program: ${advice}.` : message, { cause })
  }
}

/** Starts the HTTP server. Throws `Failure` when a configured file cannot be used or the port is taken. */
export const startHttp = async (options: HttpOptions): Promise<Http> => {
  const { config, health, log, option, loopback = false, port = config.HTTP_PORT } = options
  const is_gateway = config.JETLEDGER_ROLES.includes('gateway')
  const { tokens, stop: stopTokens } = startHttpTokens(config, { health, log })
  const tls = tlsOf(config)
  let nc: NatsConnection | undefined
  let local: Local | undefined
  let readiness: Readiness = notReady
  const server = await createServer({
    health,
    readiness: () => readiness(),
    metrics,
    log,
    version: VERSION,
    tls,
    gateway: is_gateway
      ? {
          // a request that is sent without a connection to NATS would only wait in the client
          service: () => (health.of('nats')?.state === 'ok' && nc !== undefined ? { nc, local } : undefined),
          max_in_flight: config.JETLEDGER_MAX_IN_FLIGHT,
          tokens,
          origins: config.HTTP_CORS_ORIGINS,
          rate: createRateLimit(config.HTTP_RATE_LIMIT),
          proxies: config.HTTP_TRUST_PROXY,
        }
      : undefined,
  })
  watchProcess()
  const is_open = is_gateway && tokens === undefined
  const host = loopback || is_open ? LOOPBACK : ALL_INTERFACES
  const actual = await listen(server, host, port, option)
  if (is_open && !loopback) {
    log.warn(
      'HTTP_TOKENS_FILE is not set, nor HTTP_JWT_ISSUER: HTTP listens on the loopback interface only, for everybody there',
    )
  }
  return {
    url: `${tls === undefined ? 'http' : 'https'}://${host}:${actual}`,
    drain: server.drain,
    stop: async () => {
      stopTokens()
      await server.stop()
    },
    attachLocal: roles => {
      local = roles
    },
    attach: (connection, ready) => {
      nc = connection
      readiness = ready
      // readiness also measures the lag of the projections, which is a metric
      metrics.onCollect(async () => void (await ready()))
    },
  }
}
