/**
 * Leaves of the endpoints that a process could serve those that it is configured for, with their limits.
 */

import type { AnyEndpointConfig } from '../service/config.js'
import type { EndpointLimits } from './config.js'
import { Failure } from './failure.js'

/** All of them when nothing is configured. Throws `Failure` for an endpoint that nobody here can serve. */
export const limitedTo = (
  endpoints: readonly AnyEndpointConfig[],
  limits: EndpointLimits | undefined,
): readonly AnyEndpointConfig[] => {
  if (limits === undefined) return endpoints
  const missing = [...limits.keys()].filter(name => !endpoints.some(endpoint => endpoint.name === name))
  if (missing.length > 0) throw new Failure(`this process cannot serve the endpoint ${missing.join(', ')}`)
  return endpoints
    .filter(({ name }) => limits.has(name))
    .map(endpoint => ({ ...endpoint, max_in_flight: limits.get(endpoint.name) ?? endpoint.max_in_flight }))
}
