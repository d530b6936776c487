/**
 * The connection of a process to NATS: credentials, TLS, and reconnecting for ever. A connection that is closed all the
 * same ends the process.
 *
 * A process leaves a server that is cut off from the others (leave-cut-off.ts). A loop in this file makes the first
 * connection, because the client's own option (`waitOnFirstConnect`) never says what it waits for.
 */

import { X509Certificate } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ConnectionOptions, credsAuthenticator, errors, type NatsConnection } from 'nats'
import type { Logger } from 'pino'
import { type BackOff, delay_ms } from '../back-off.js'
import { type OnMessageFault, openConnection } from '../connection.js'
import type { Health } from '../health.js'
import type { Config } from './config.js'
import { connectionFailure, isRefusal } from './connection-failure.js'
import { Failure } from './failure.js'
import { leaveCutOffServers, type Proves, type Server } from './leave-cut-off.js'
import { tell } from './output.js'
import { createServerChoice } from './server-choice.js'
import { watchPings } from './server-pings.js'
import { readTextFile } from './text-file.js'

/** With this timeout a person reads within 5 s what is wrong, the start of the program included. */
const CONNECT_TIMEOUT_MS = 3_000
/** The addresses share that time, but each gets at least this much. */
const ADDRESS_TIMEOUT_MS_MIN = 1_000
const RECONNECT_WAIT_MS = 250
const PING_INTERVAL_MS = 5_000
const PINGS_OUT_MAX = 2
const LOOK_TIMEOUT_MS = 1_000
const SILENT_MS = 120_000
const CONNECT_BACK_OFF: BackOff = { first_ms: 250, max_ms: 2_000 }

/** The failure for a file that the environment names and that cannot be used: exit code 2, as for every wrong call. */
const unusable = (variable: string, path: string, what: string, cause: unknown): Failure =>
  new Failure(`${variable}: the file ${path} holds no ${what}`, { cause, exit_code: 2 })

const authenticatorOf = ({ NATS_CREDENTIALS, NATS_CREDS_FILE }: Config) => {
  if (NATS_CREDENTIALS === undefined && NATS_CREDS_FILE === undefined) return undefined
  const text = NATS_CREDENTIALS ?? readTextFile('NATS_CREDS_FILE', NATS_CREDS_FILE ?? '')
  const authenticator = credsAuthenticator(new TextEncoder().encode(text))
  try {
    // the client itself would notice only while it connects
    authenticator('')
  } catch (cause) {
    if (NATS_CREDS_FILE !== undefined)
      throw unusable('NATS_CREDS_FILE', NATS_CREDS_FILE, 'credentials', cause)
    throw new Failure('NATS_CREDENTIALS: they are not whole', { cause, exit_code: 2 })
  }
  return authenticator
}

const tlsOf = ({ NATS_TLS_CA }: Config) => {
  if (NATS_TLS_CA === undefined) return undefined
  const ca = readTextFile('NATS_TLS_CA', NATS_TLS_CA)
  try {
    // with a text that is no certificate the client would trust no server, and would not say why
    new X509Certificate(ca)
  } catch (cause) {
    throw unusable('NATS_TLS_CA', NATS_TLS_CA, 'certificate (PEM)', cause)
  }
  return { ca }
}

const optionsOf = (config: Config, name: string): ConnectionOptions & { readonly servers: string[] } => {
  const authenticator = authenticatorOf(config)
  const tls = tlsOf(config)
  return {
    servers: config.NATS_URL.split(',').map(url => url.trim()),
    name,
    timeout: CONNECT_TIMEOUT_MS,
    pingInterval: PING_INTERVAL_MS,
    maxPingOut: PINGS_OUT_MAX,
    reconnect: true,
    maxReconnectAttempts: -1,
    reconnectTimeWait: RECONNECT_WAIT_MS,
    ...(config.NATS_INBOX_PREFIX === undefined ? {} : { inboxPrefix: config.NATS_INBOX_PREFIX }),
    ...(authenticator === undefined ? {} : { authenticator }),
    ...(tls === undefined ? {} : { tls }),
  }
}

const tellFault: OnMessageFault = (subject, thrown) =>
  tell(`jetledger: a message on ${subject} could not be handled: ${thrown}`)

/**
 * Connects within `timeout_ms` or throws. The client alone would try each address for its own time, one after the
 * other.
 */
const connectWithin = async (timeout_ms: number, options: ConnectionOptions): Promise<NatsConnection> => {
  const connecting = openConnection(options, tellFault)
  const timer = new AbortController()
  const late = sleep(timeout_ms, undefined, { signal: timer.signal }).then(() => {
    // nothing uses a connection that is made too late
    connecting.then(nc => nc.close()).catch(() => undefined)
    throw new errors.TimeoutError()
  })
  try {
    return await Promise.race([connecting, late])
  } finally {
    timer.abort()
    late.catch(() => undefined)
  }
}

/** Connects a subcommand that does one thing. Throws `Failure` when there is no connection in time. */
export const connectOnce = async (config: Config): Promise<NatsConnection> => {
  const options = optionsOf(config, 'jetledger-cli')
  const share_ms = Math.max(ADDRESS_TIMEOUT_MS_MIN, CONNECT_TIMEOUT_MS / options.servers.length)
  const once = { ...options, timeout: share_ms, maxReconnectAttempts: 5 }
  try {
    return await connectWithin(CONNECT_TIMEOUT_MS, once)
  } catch (cause) {
    throw new Failure(connectionFailure(config, cause), { cause })
  }
}

const watch = async (nc: NatsConnection, config: Config, log: Logger, health: Health): Promise<void> => {
  health.report('nats', 'ok')
  for await (const status of nc.status()) {
    if (status.type === 'disconnect') {
      health.report('nats', 'down', 'the connection to NATS is lost; reconnecting')
    }
    if (status.type === 'reconnect') health.report('nats', 'ok')
    if (status.type !== 'error') continue
    if (isRefusal(status.error)) health.report('nats', 'down', connectionFailure(config, status.error))
    else log.warn({ reason: status.error.message }, 'NATS reported an error')
  }
}

/**
 * Ends the process when the connection ends by itself: the client gave up reconnecting, or received no NATS protocol.
 */
const watchEnd = async (nc: NatsConnection, health: Health): Promise<void> => {
  const error = await nc.closed()
  if (nc.isDraining()) return
  const reason = error instanceof Error ? error.message : 'the client gave no reason'
  health.giveUp('nats', `the connection to NATS is closed for good: ${reason}`)
}

/** Opens a separate connection to one of the servers, to look at it; one attempt, without reconnecting. */
const openLook = (
  config: Config,
  { listen, tlsName }: Server,
  onFault: OnMessageFault,
): Promise<NatsConnection> => {
  const { tls, ...options } = optionsOf(config, 'jetledger-look')
  const name = tlsName === '' ? {} : { servername: tlsName }
  const once = {
    servers: listen,
    reconnect: false,
    timeout: LOOK_TIMEOUT_MS,
    // this connection must send nothing by itself, because a server pings only a silent client
    pingInterval: SILENT_MS,
    ignoreClusterUpdates: true,
  }
  return openConnection({ ...options, ...(tls ? { tls: { ...tls, ...name } } : {}), ...once }, onFault)
}

/**
 * Connects a service: tries until there is a connection, and reports in health and log what prevents it. Throws
 * `Failure` only when the environment names credentials or certificates that cannot be used.
 */
export const connectForEver = async (
  config: Config,
  log: Logger,
  health: Health,
  proves: Proves,
): Promise<NatsConnection> => {
  const choice = createServerChoice(() => performance.now())
  const reportFailure = (cause: unknown): void => {
    // only changes of health are logged, so the failure has to be a change against "not connected yet"
    if (health.read().parts.nats === undefined) health.report('nats', 'down', 'not connected yet')
    health.report('nats', 'down', connectionFailure(config, cause))
  }
  const onMessageFault: OnMessageFault = (subject, err) =>
    log.error({ subject, err }, 'a message could not be handled; it is left out')
  for (let attempt = 1; ; attempt += 1) {
    const options = { ...optionsOf(config, 'jetledger'), reconnectToServer: choice.choose }
    // with several addresses an attempt may take longer than the timeout
    const slow = setTimeout(() => reportFailure(new errors.TimeoutError()), CONNECT_TIMEOUT_MS)
    try {
      const nc = await openConnection(options, onMessageFault)
      void watch(nc, config, log, health)
      void watchEnd(nc, health)
      const open = (server: Server) => openLook(config, server, onMessageFault)
      const own = nc.getServers().find(({ listen }) => listen === nc.getServer())
      if (own !== undefined) void watchPings(() => open(own), log, health)
      void leaveCutOffServers({ nc, proves, open, choice, log, health })
      return nc
    } catch (cause) {
      reportFailure(cause)
    } finally {
      clearTimeout(slow)
    }
    await sleep(delay_ms(CONNECT_BACK_OFF, attempt))
  }
}
