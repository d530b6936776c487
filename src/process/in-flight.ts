/**
 * Logs once a minute how busy a process is; AWS scales the number of processes by this figure
 * (`infra/services/scaling.ts`).
 */

import type { Logger } from 'pino'
import type { Service } from '../service/service.js'

const LOOK_EVERY_MS = 500
const LOG_EVERY_MS = 60_000

/** Logs, for each minute, the largest number of requests in flight, until the returned function is called. */
export const logInFlight = (service: Pick<Service, 'inFlight'>, log: Logger): (() => void) => {
  let most = 0
  let logged_ms = performance.now()
  const timer = setInterval(() => {
    most = Math.max(most, service.inFlight())
    if (performance.now() - logged_ms < LOG_EVERY_MS) return
    log.info({ metric: 'in_flight', in_flight: most }, 'requests in flight')
    most = 0
    logged_ms = performance.now()
  }, LOOK_EVERY_MS)
  timer.unref()
  return () => clearInterval(timer)
}
