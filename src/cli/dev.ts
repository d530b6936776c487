/**
 * `jetledger dev`: runs a whole ledger on this machine, servers included. Its data stays between runs.
 */

import type { Command } from 'commander'
import type { Logger } from 'pino'
import { seed } from '../commands/seed.js'
import { type Embedded, startEmbedded } from '../embedded/index.js'
import { createHealth, type Health } from '../health.js'
import { DEV_USER } from '../permissions/dev.js'
import { ROLES } from '../process/config.js'
import {
  DEFAULT_DATA_DIR,
  embeddedEnvironment,
  environmentConfig,
  forgetListening,
  type Listening,
  noteListening,
} from '../process/environment.js'
import { Failure, orFail } from '../process/failure.js'
import { type Http, startHttp } from '../process/http.js'
import { createLog, logHealth } from '../process/log.js'
import { connectLedger } from '../process/open-ledger.js'
import { tell } from '../process/output.js'
import { createProjectionsThread, type ProjectionsThread } from '../process/projections-thread.js'
import { ledgerReadiness } from '../process/readiness.js'
import { stopRequested, withinStopTime } from '../process/signals.js'
import { supervise, waitingLines } from '../process/supervise.js'
import { createStack, type Stack } from '../stack.js'
import { announce } from './announce.js'
import { resetLedger } from './dev-reset.js'
import { openSecurity, type Security } from './dev-secure.js'
import { port, syncInterval } from './options.js'
import { startProgressBar } from './progress-bar.js'

type DevOptions = {
  readonly cluster?: true
  readonly secure?: true
  readonly dataDir: string
  readonly natsPort: number
  readonly dynamodbPort: number
  readonly httpPort?: number
  readonly syncInterval: string
  readonly seed: boolean
  readonly reset?: true
  readonly yes?: true
}

type Run = {
  readonly options: DevOptions
  readonly log: Logger
  readonly health: Health
  readonly stack: Stack
  readonly signal: AbortSignal
}

const CLUSTER_REPLICAS = 3

const startServers = async (
  { options, log, stack }: Run,
  security: Security | undefined,
  onGaveUp: (cause: Error) => void,
): Promise<Listening> => {
  let servers: Embedded
  try {
    servers = await startEmbedded({
      data_dir: options.dataDir,
      nats_port: options.natsPort,
      dynamodb_port: options.dynamodbPort,
      cluster: options.cluster === true,
      sync_interval: options.syncInterval,
      log,
      on_gave_up: (_name, cause) => onGaveUp(cause),
      ...(security === undefined ? {} : { secured: security.servers }),
    })
  } catch (cause) {
    throw new Failure(cause instanceof Error ? cause.message : String(cause), { cause })
  }
  stack.push(servers.stop)
  const { nats_url, dynamodb_endpoint } = servers
  const listening = {
    nats_url,
    dynamodb_endpoint,
    replicas: options.cluster === true ? CLUSTER_REPLICAS : 1,
    ...(security === undefined ? {} : { logins: security.logins }),
  }
  noteListening(options.dataDir, listening)
  stack.push(() => forgetListening(options.dataDir))
  return listening
}

/** Starts the roles on the embedded servers, and resolves with the version of nats-server once they answer. */
const startLedger = async (
  { options, log, health, stack, signal }: Run,
  { listening, http, thread }: { listening: Listening; http: Http; thread: ProjectionsThread },
): Promise<string> => {
  const environment = embeddedEnvironment(listening, DEV_USER)
  const connection = await connectLedger(environment, log, health)
  http.attach(connection.nc, ledgerReadiness(connection))
  const bar = startProgressBar('folding', 'events')
  const instance = supervise(connection, {
    signal,
    is_patient: true,
    first: async ledger => {
      if (!options.seed) return
      const { events } = await orFail(seed({ ...ledger, texts: ledger.config.JETLEDGER_TEXTS }, signal))
      if (events > 0) log.info({ events }, 'seeded the ledger')
    },
    onFolding: bar.update,
    startProjections: () => thread.start(environment),
    onService: http.attachLocal,
  })
  stack.push(instance.stop)
  // drains HTTP before the roles stop, so that waiting HTTP callers get an answer
  stack.push(http.drain)
  const reason = await connection.standing.untilSettled()
  if (reason !== undefined && !signal.aborted) for (const line of waitingLines(reason)) tell(line)
  await instance.started
  bar.end()
  return connection.nc.info?.version ?? 'of an unknown version'
}

const start = async (run: Run, onGaveUp: (cause: Error) => void): Promise<void> => {
  const { options, log, health, stack, signal } = run
  const security = openSecurity(options.dataDir, options.secure === true)
  // HTTP comes before the servers, because a taken port is found out quickly
  const config = { ...environmentConfig(), JETLEDGER_ROLES: ROLES, ...security?.http }
  const port = options.httpPort ?? config.HTTP_PORT
  const http = await startHttp({ config, health, log, option: '--http-port', loopback: true, port })
  stack.push(http.stop)
  // the thread loads its modules while the servers start
  const thread = createProjectionsThread({ log, health })
  stack.push(thread.end)
  const listening = await startServers(run, security, onGaveUp)
  const version = await startLedger(run, { listening, http, thread })
  const secured = config.HTTP_TOKENS_FILE !== undefined
  if (signal.aborted) return
  announce({ listening, http: { url: http.url, secured }, data_dir: options.dataDir, version, security })
}

const dev = async (options: DevOptions): Promise<void> => {
  const log = createLog(environmentConfig().LOG_LEVEL)
  if (options.reset === true) await resetLedger(options.dataDir, options.yes === true, log)
  const health = createHealth(logHealth(log))
  const stack = createStack()
  const { signal, requested } = stopRequested()
  try {
    await new Promise<void>((resolve, reject) => {
      const run = { options, log, health, stack, signal }
      void requested.then(() => resolve())
      void health.gaveUp.then(reason => reject(new Failure(reason)))
      start(run, reject).catch(reject)
    })
  } finally {
    log.info('stopping')
    await withinStopTime(stack.stop())
    log.info('stopped')
  }
}

export const devCommand = (program: Command): void => {
  program
    .command('dev')
    .description(
      'run a whole ledger on this machine: NATS, DynamoDB and every role, with 1,000 seeded customers',
    )
    .option('--cluster', 'three NATS servers, the stream with three replicas as in production')
    .option(
      '--secure',
      'a login for each kind of user, TLS, and nothing for web pages and other users of the machine',
    )
    .option('--data-dir <dir>', 'where the data is kept between runs', DEFAULT_DATA_DIR)
    .option('--nats-port <port>', 'port of NATS (0 = a free one)', port, 4222)
    .option('--dynamodb-port <port>', 'port of DynamoDB (0 = a free one)', port, 8000)
    .option('--http-port <port>', 'port of HTTP (0 = a free one; default: HTTP_PORT, or 8080)', port)
    .option(
      '--sync-interval <when>',
      'when NATS flushes to disk: always, or a duration',
      syncInterval,
      'always',
    )
    .option('--no-seed', 'do not seed an empty ledger')
    .option('--reset', 'first remove the ledger that is in the data folder, for good; asks before')
    .option('--yes', 'with --reset: do not ask')
    .action(dev)
}
