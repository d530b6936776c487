/**
 * A process that is a gateway and nothing else: a client of the subjects, which needs no rights on the stream, the
 * bucket or the tables.
 */

import type { NatsConnection } from 'nats'
import type { Logger } from 'pino'
import type { Health } from '../health.js'
import type { Config } from './config.js'
import type { Http } from './http.js'
import { provesService } from './leave-cut-off.js'
import { connectForEver } from './nats.js'
import { gatewayReadiness } from './readiness.js'
import type { Instance } from './roles.js'

/** Whether the process has this role only. */
export const isGatewayOnly = ({ JETLEDGER_ROLES }: Config): boolean =>
  JETLEDGER_ROLES.every(role => role === 'gateway')

/** Connects and lets requests through. Waits for NATS as long as it takes. */
export const startGateway = async (
  config: Config,
  log: Logger,
  health: Health,
  http: Http,
): Promise<Instance> => {
  const nc: NatsConnection = await connectForEver(config, log, health, provesService)
  http.attach(nc, gatewayReadiness(nc, health))
  log.info({ url: http.url }, 'gateway: answering')
  return { stop: async () => (nc.isClosed() ? undefined : nc.drain()) }
}
