/**
 * Selects the endpoints that a process is configured to serve, and sets their limits.
 */

import type { AnyEndpointConfig } from '../service/config.js'
import type { EndpointLimits } from './config.js'
import { Failure } from './failure.js'

/**
 * The endpoints that `limits` names, with their limits of requests in flight; all endpoints when `limits` is undefined.
 * Throws `Failure` when `limits` names an endpoint that this process cannot serve.
 */
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
