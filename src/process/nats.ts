/**
 * The connection of a process to NATS: its login (nats-login.ts), TLS (nats-tls.ts), and reconnecting for ever.
 * watch-connection.ts says why a connection is lost, and ends a process whose connection cannot come back.
 *
 * A process leaves a server that is cut off from the others (leave-cut-off.ts). A loop in this file makes the first
 * connection, because the client's own option (`waitOnFirstConnect`) never says what it waits for.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { type ConnectionOptions, errors, type NatsConnection } from 'nats'
import type { Logger } from 'pino'
import { type BackOff, delay_ms, rest } from '../back-off.js'
import { type OnMessageFault, openConnection } from '../connection.js'
import type { Health } from '../health.js'
import type { Config } from './config.js'
import { connectionFailure, isRefusal } from './connection-failure.js'
import { Failure, NO_ANSWER_CODE } from './failure.js'
import { leaveCutOffServers, type Proves, type Server } from './leave-cut-off.js'
import { openLogin } from './nats-login.js'
import { openTls } from './nats-tls.js'
import { tell } from './output.js'
import { createServerChoice } from './server-choice.js'
import { watchPings } from './server-pings.js'
import { countRefusal, type WatchedConnection, watchConnection } from './watch-connection.js'

/** With this timeout a person reads within 5 s what is wrong, the start of the program included. */
const CONNECT_TIMEOUT_MS = 3_000
/** The addresses share that time, but each gets at least this much. */
const ADDRESS_TIMEOUT_MS_MIN = 1_000
const RECONNECT_WAIT_MS = 250
const RECONNECT_JITTER_MS = 100
const PING_INTERVAL_MS = 5_000
const PINGS_OUT_MAX = 2
const LOOK_TIMEOUT_MS = 1_000
/** A connection that takes longer is looked at: the client may wait in vain where a server has already ended it. */
const LOOK_AFTER_MS = 1_000
const SILENT_MS = 120_000
const CONNECT_BACK_OFF: BackOff = { first_ms: 250, max_ms: 2_000 }

/** What every attempt to connect needs. Files are read again by the client, at each connect. */
type Opened = {
  readonly attempt: WatchedConnection['attempt']
  readonly options: ConnectionOptions & { readonly servers: string[] }
}

/** Opens what the configuration names. Throws `Failure` with exit code 2 when it cannot be used at all. */
const openAccess = ({ nats, NATS_INBOX_PREFIX }: Config, name: string): Opened => {
  const login = openLogin(nats.login)
  const tls = openTls(nats)
  return {
    attempt: { access: nats, login, tlsProblems: tls.problems },
    options: {
      servers: [...nats.urls],
      name,
      timeout: CONNECT_TIMEOUT_MS,
      pingInterval: PING_INTERVAL_MS,
      maxPingOut: PINGS_OUT_MAX,
      reconnect: true,
      maxReconnectAttempts: -1,
      reconnectTimeWait: RECONNECT_WAIT_MS,
      reconnectJitter: RECONNECT_JITTER_MS,
      reconnectJitterTLS: RECONNECT_JITTER_MS,
      // a refused login may be a renewed one at the next attempt; watch-connection.ts ends where it cannot
      ignoreAuthErrorAbort: true,
      ...(NATS_INBOX_PREFIX === undefined ? {} : { inboxPrefix: NATS_INBOX_PREFIX }),
      ...(login.authenticator === undefined ? {} : { authenticator: login.authenticator }),
      ...(tls.options === undefined ? {} : { tls: tls.options }),
    },
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

/**
 * Tries to connect once, without reconnecting; resolves with what prevents it, with undefined when nothing does. The
 * client tells a connection that reconnects only that it got no answer, where a server ends it during the login.
 */
const findCause = async ({ options }: Opened): Promise<unknown> => {
  try {
    const once = { reconnect: false, timeout: LOOK_TIMEOUT_MS, ignoreClusterUpdates: true }
    const nc = await connectWithin(LOOK_TIMEOUT_MS, { ...options, ...once })
    void nc.close()
    return undefined
  } catch (cause) {
    return cause
  }
}

/** Rejects with the cause, once it is known, that prevents a connection which is still not there after a while. */
const whatPrevents = async (opened: Opened, signal: AbortSignal): Promise<never> => {
  await rest(LOOK_AFTER_MS, signal)
  const cause = signal.aborted ? undefined : await findCause(opened)
  if (cause !== undefined && !(cause instanceof errors.TimeoutError)) throw cause
  return new Promise<never>(() => undefined)
}

/** The cause of a failed attempt; where that one only had no answer in time, another attempt may say more. */
const causeOf = async (opened: Opened, thrown: unknown): Promise<unknown> =>
  thrown instanceof errors.TimeoutError ? ((await findCause(opened)) ?? thrown) : thrown

/** Connects a subcommand that does one thing. Throws `Failure` when there is no connection in time. */
export const connectOnce = async (config: Config): Promise<NatsConnection> => {
  const opened = openAccess(config, 'jetledger-cli')
  const { options, attempt } = opened
  const share_ms = Math.max(ADDRESS_TIMEOUT_MS_MIN, CONNECT_TIMEOUT_MS / options.servers.length)
  const once = { ...options, timeout: share_ms, maxReconnectAttempts: 5 }
  const ending = new AbortController()
  try {
    const prevented = whatPrevents(opened, ending.signal)
    const nc = await Promise.race([connectWithin(CONNECT_TIMEOUT_MS, once), prevented])
    // the work of the subcommand fails with an error that does not say why the connection ended
    void nc.closed().then(error => {
      if (error instanceof Error) tell(`jetledger: ${connectionFailure(attempt, error, Date.now())}`)
    })
    return nc
  } catch (cause) {
    throw new Failure(connectionFailure(attempt, cause, Date.now()), { cause, exit_code: NO_ANSWER_CODE })
  } finally {
    ending.abort()
  }
}

/** Opens a separate connection to one of the servers, to look at it; one attempt, without reconnecting. */
const openLook = (
  { options }: Opened,
  { listen, tlsName }: Server,
  onFault: OnMessageFault,
): Promise<NatsConnection> => {
  const { tls, ...others } = options
  const name = tlsName === '' ? {} : { servername: tlsName }
  const once = {
    name: 'jetledger-look',
    servers: listen,
    reconnect: false,
    timeout: LOOK_TIMEOUT_MS,
    // this connection must send nothing by itself, because a server pings only a silent client
    pingInterval: SILENT_MS,
    ignoreClusterUpdates: true,
  }
  return openConnection({ ...others, ...(tls ? { tls: { ...tls, ...name } } : {}), ...once }, onFault)
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
  const opened = openAccess(config, 'jetledger')
  const options = { ...opened.options, reconnectToServer: choice.choose }
  const reportFailure = (cause: unknown): void => {
    // only changes of health are logged, so the failure has to be a change against "not connected yet"
    if (health.of('nats') === undefined) health.report('nats', 'down', 'not connected yet')
    const sentence = connectionFailure(opened.attempt, cause, Date.now())
    if (cause instanceof Error && isRefusal(cause) && health.of('nats')?.detail !== sentence)
      countRefusal(log)
    health.report('nats', 'down', sentence)
  }
  const onMessageFault: OnMessageFault = (subject, err) =>
    log.error({ subject, err }, 'a message could not be handled; it is left out')
  for (let attempt = 1; ; attempt += 1) {
    // with several addresses an attempt may take longer than the timeout
    const slow = setTimeout(() => reportFailure(new errors.TimeoutError()), CONNECT_TIMEOUT_MS)
    try {
      const nc = await openConnection(options, onMessageFault)
      watchConnection({ nc, attempt: opened.attempt, findCause: () => findCause(opened), log, health })
      const open = (server: Server) => openLook(opened, server, onMessageFault)
      const own = nc.getServers().find(({ listen }) => listen === nc.getServer())
      if (own !== undefined) void watchPings(() => open(own), log, health)
      void leaveCutOffServers({ nc, proves, open, choice, log, health })
      return nc
    } catch (thrown) {
      clearTimeout(slow)
      reportFailure(await causeOf(opened, thrown))
    } finally {
      clearTimeout(slow)
    }
    await sleep(delay_ms(CONNECT_BACK_OFF, attempt))
  }
}
