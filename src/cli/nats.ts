/**
 * The connection to NATS: credentials, TLS, and reconnecting for ever. One that is closed all the same ends the process.
 */

import { readFileSync } from 'node:fs'
import { type ConnectionOptions, credsAuthenticator, type NatsConnection } from 'nats'
import type { Logger } from 'pino'
import { type OnMessageFault, openConnection } from '../connection.js'
import type { Health } from '../health.js'
import type { Config } from './config.js'
import { Failure } from './failure.js'
import { tell } from './output.js'

const CONNECT_TIMEOUT_MS = 5_000
const RECONNECT_WAIT_MS = 250
const PING_INTERVAL_MS = 5_000
const PINGS_OUT_MAX = 2
const SAY_WAITING_AFTER_MS = 500

const read = (variable: string, path: string): Uint8Array => {
  try {
    return readFileSync(path)
  } catch (cause) {
    throw new Failure(`${variable}: the file ${path} cannot be read`, { cause })
  }
}

const credentialsOf = (config: Config): Uint8Array | undefined => {
  if (config.NATS_CREDENTIALS !== undefined) return new TextEncoder().encode(config.NATS_CREDENTIALS)
  return config.NATS_CREDS_FILE === undefined ? undefined : read('NATS_CREDS_FILE', config.NATS_CREDS_FILE)
}

const optionsOf = (config: Config, name: string): ConnectionOptions => {
  const credentials = credentialsOf(config)
  return {
    servers: config.NATS_URL.split(',').map(url => url.trim()),
    name,
    timeout: CONNECT_TIMEOUT_MS,
    pingInterval: PING_INTERVAL_MS,
    maxPingOut: PINGS_OUT_MAX,
    reconnect: true,
    maxReconnectAttempts: -1,
    reconnectTimeWait: RECONNECT_WAIT_MS,
    ...(credentials === undefined ? {} : { authenticator: credsAuthenticator(credentials) }),
    ...(config.NATS_TLS_CA === undefined
      ? {}
      : { tls: { ca: new TextDecoder().decode(read('NATS_TLS_CA', config.NATS_TLS_CA)) } }),
  }
}

const tellFault: OnMessageFault = (subject, thrown) =>
  tell(`jetledger: a message on ${subject} could not be handled: ${thrown}`)

/** For a subcommand that does one thing: no connection is a failure at once. */
export const connectOnce = async (config: Config): Promise<NatsConnection> => {
  try {
    return await openConnection({ ...optionsOf(config, 'jetledger-cli'), maxReconnectAttempts: 5 }, tellFault)
  } catch (cause) {
    throw new Failure(
      `NATS does not answer at ${config.NATS_URL}: start it with "npm start", or set NATS_URL to where it listens`,
      { cause },
    )
  }
}

const watch = async (nc: NatsConnection, log: Logger, health: Health): Promise<void> => {
  health.report('nats', 'ok')
  for await (const { type } of nc.status()) {
    if (type === 'disconnect') health.report('nats', 'down', 'the connection to NATS is lost; reconnecting')
    if (type === 'reconnect') health.report('nats', 'ok')
    if (type === 'error') log.warn({ type }, 'NATS reported an error')
  }
}

/** A connection that ended without us: reconnecting was given up, or what came over it was not NATS. */
const watchEnd = async (nc: NatsConnection, health: Health): Promise<void> => {
  const error = await nc.closed()
  if (nc.isDraining()) return
  const reason = error instanceof Error ? error.message : 'the client gave no reason'
  health.giveUp('nats', `the connection to NATS is closed for good: ${reason}`)
}

/** For a service: waits for NATS as long as it takes and reports in health and log when it is away. */
export const connectForEver = async (
  config: Config,
  log: Logger,
  health: Health,
): Promise<NatsConnection> => {
  const waiting = setTimeout(() => {
    health.report('nats', 'down', `waiting for NATS at ${config.NATS_URL}`)
  }, SAY_WAITING_AFTER_MS)
  const options = { ...optionsOf(config, 'jetledger'), waitOnFirstConnect: true }
  const nc = await openConnection(options, (subject, err) =>
    log.error({ subject, err }, 'a message could not be handled; it is left out'),
  )
  clearTimeout(waiting)
  void watch(nc, log, health)
  void watchEnd(nc, health)
  return nc
}
