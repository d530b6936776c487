/**
 * Starts a process whose only role is the gateway. It is a client of the service's subjects, and needs no rights on the
 * stream, the bucket or the tables.
 */

import type { NatsConnection } from 'nats'
import type { Logger } from 'pino'
import type { Health } from '../health.js'
import type { Config } from './config.js'
import type { Http } from './http.js'
import { provesService } from './leave-cut-off.js'
import { connectForEver } from './nats.js'
import { gatewayReadiness } from './readiness.js'
import type { RunningRoles } from './roles.js'

/** Whether the gateway is the only role of the process. */
export const isGatewayOnly = ({ JETLEDGER_ROLES }: Config): boolean =>
  JETLEDGER_ROLES.every(role => role === 'gateway')

/** Connects to NATS, however long that takes, and then lets HTTP requests through. */
export const startGateway = async (
  config: Config,
  log: Logger,
  health: Health,
  http: Http,
): Promise<RunningRoles> => {
  const nc: NatsConnection = await connectForEver(config, log, health, provesService)
  http.attach(nc, gatewayReadiness(nc, health))
  log.info({ url: http.url }, 'gateway: answering')
  return { stop: async () => (nc.isClosed() ? undefined : nc.drain()) }
}
