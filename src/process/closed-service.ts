/**
 * The service while the ledger stands still: every endpoint answers `UNAVAILABLE` with the reason, so that callers
 * learn why instead of waiting. Nothing is written, and nothing is read from a table.
 */

import { E } from '../fp.js'
import { catalogued } from '../service/catalogue.js'
import type { AnyEndpointConfig } from '../service/config.js'
import { ENDPOINTS } from '../service/endpoints.js'
import type { ServiceError } from '../service/error.js'
import type { Config } from './config.js'

const TIMEOUT_MS = 1_000

/** The answer to every request while the ledger stands still. */
const standsStill = (reason: string): ServiceError => {
  const why = `the ledger stands still: ${reason}`
  return catalogued('UNAVAILABLE', { reason: why }, why)
}

/** The endpoints that a process with this configuration serves, each answering with `reason()`. */
export const closedEndpoints = (config: Config, reason: () => string): readonly AnyEndpointConfig[] =>
  ENDPOINTS.filter(
    ({ name, role }) => config.JETLEDGER_ROLES.includes(role) && config.endpoints?.has(name) !== false,
  ).map(({ name, subject }) => ({
    name,
    subject,
    description: 'Answers that the ledger stands still, and why',
    metadata: { format: 'application/json' },
    max_in_flight: config.JETLEDGER_MAX_IN_FLIGHT,
    timeout_ms: TIMEOUT_MS,
    handle: () => E.left(standsStill(reason())),
  }))

/** The given endpoints, which refuse every request while `reason()` returns a reason. */
export const guarded = (
  endpoints: readonly AnyEndpointConfig[],
  reason: () => string | undefined,
): readonly AnyEndpointConfig[] =>
  endpoints.map((endpoint): AnyEndpointConfig => {
    if ('callback' in endpoint) {
      const { callback } = endpoint
      return {
        ...endpoint,
        callback: (request, answer) => {
          const why = reason()
          if (why === undefined) callback(request, answer)
          else answer(E.left(standsStill(why)))
        },
      }
    }
    const { handle } = endpoint
    return {
      ...endpoint,
      handle: request => {
        const why = reason()
        return why === undefined ? handle(request) : E.left(standsStill(why))
      },
    }
  })
