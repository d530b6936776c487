/**
 * `jetledger serve`: runs the configured roles with the NATS and the DynamoDB that the environment names.
 */

import type { Command } from 'commander'
import type { Logger } from 'pino'
import { createHealth, type Health } from '../health.js'
import { type Environment, readEnvironment } from '../process/environment.js'
import { Failure } from '../process/failure.js'
import { isGatewayOnly, startGateway } from '../process/gateway.js'
import { type Http, startHttp } from '../process/http.js'
import { createLog, logHealth } from '../process/log.js'
import { connectLedger } from '../process/open-ledger.js'
import { createProjectionsThread, sharesItsProcess } from '../process/projections-thread.js'
import { ledgerReadiness } from '../process/readiness.js'
import type { RunningRoles } from '../process/roles.js'
import { stopRequested, withinStopTime } from '../process/signals.js'
import { supervise } from '../process/supervise.js'

type ServeOptions = { readonly roles?: string; readonly rolesFile?: string }

type Run = {
  readonly environment: Environment
  readonly log: Logger
  readonly health: Health
  readonly http: Http
  readonly signal: AbortSignal
}

const start = async ({ environment, log, health, http, signal }: Run): Promise<RunningRoles> => {
  if (isGatewayOnly(environment.config)) return startGateway(environment.config, log, health, http)
  const thread = sharesItsProcess(environment.config) ? createProjectionsThread({ log, health }) : undefined
  const connection = await connectLedger(environment, log, health)
  http.attach(connection.nc, ledgerReadiness(connection))
  const startProjections = thread && (() => thread.start(environment))
  const onService = http.attachLocal
  const instance = supervise(connection, { signal, is_patient: false, startProjections, onService })
  return {
    stop: async () => {
      await instance.stop()
      await thread?.end()
    },
  }
}

/** Rejects once a part of the process has failed for good, and after waiting HTTP callers got their answers. */
const failure = async (health: Health, log: Logger, http: Http): Promise<never> => {
  const reason = await health.gaveUp
  log.fatal({ reason }, 'this process cannot go on and ends')
  await withinStopTime(http.drain())
  throw new Failure(reason)
}

const serve = async ({ roles, rolesFile }: ServeOptions): Promise<void> => {
  const environment = readEnvironment(
    { JETLEDGER_ROLES: roles, JETLEDGER_ROLES_FILE: rolesFile },
    // a service is sent to a ledger by somebody who names it, and never by what a person chose for their terminal
    { may_use_selected: false },
  )
  const { config } = environment
  const log = createLog(config.LOG_LEVEL)
  const health = createHealth(logHealth(log))
  const { signal, requested } = stopRequested()
  const http = await startHttp({ config, health, log, option: 'HTTP_PORT' })
  log.info({ url: `${http.url}/healthz`, roles: config.JETLEDGER_ROLES }, 'jetledger serve')

  let instance: RunningRoles | undefined
  const running = (async () => {
    instance = await start({ environment, log, health, http, signal })
  })()
  // the start may wait for NATS for ever, so a stop and a failure do not wait for it
  const why = await Promise.race([requested, running.then(() => requested), failure(health, log, http)])
  log.info({ why }, 'stopping')
  // HTTP is drained before the roles stop, because the roles answer the HTTP callers that still wait
  await withinStopTime(http.drain().then(() => instance?.stop()))
  await http.stop()
  log.info('stopped')
}

export const serveCommand = (program: Command): void => {
  program
    .command('serve')
    .description('run the roles of JETLEDGER_ROLES against the configured NATS and DynamoDB')
    .option(
      '--roles <roles>',
      'instead of JETLEDGER_ROLES: any of commands,projections,queries,gateway,operations',
    )
    .option('--roles-file <file>', 'instead of JETLEDGER_ROLES_FILE: JSON, which endpoints to serve')
    .action(serve)
}
