/**
 * `jetledger serve`: the roles of this process against the NATS and the DynamoDB that the environment names.
 */

import type { Command } from 'commander'
import { createHealth } from '../health.js'
import { readEnvironment } from './environment.js'
import { startHealthServer } from './health-server.js'
import { createLog, logHealth } from './log.js'
import { type Instance, openLedger, startRoles } from './roles.js'
import { stopRequested, withinStopTime } from './signals.js'

const ALL_INTERFACES = '0.0.0.0'

const serve = async (): Promise<void> => {
  const environment = readEnvironment()
  const { config } = environment
  const log = createLog(config.LOG_LEVEL)
  const health = createHealth(logHealth(log))
  const { signal, requested } = stopRequested()
  const healthServer = await startHealthServer(health, ALL_INTERFACES, config.HTTP_PORT, 'HTTP_PORT')
  log.info({ url: healthServer.url, roles: config.JETLEDGER_ROLES }, 'jetledger serve')

  let instance: Instance | undefined
  const running = (async () => {
    instance = await startRoles(await openLedger(environment, log, health, signal), signal)
  })()
  // the start may wait for NATS for ever: a stop does not wait with it
  const why = await Promise.race([requested, running.then(() => requested)])
  log.info({ why }, 'stopping')
  await withinStopTime(instance?.stop())
  await healthServer.stop()
  log.info('stopped')
}

export const serveCommand = (program: Command): void => {
  program
    .command('serve')
    .description('run the roles of JETLEDGER_ROLES against the configured NATS and DynamoDB')
    .action(serve)
}
