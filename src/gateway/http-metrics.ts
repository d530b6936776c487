/**
 * The metrics of the gateway's HTTP requests.
 */

import { metrics } from '../metrics.js'

const LATENCY_BOUNDS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

export const requests = metrics.counter(
  'jetledger_http_requests_total',
  'HTTP requests by method, route and status',
)
export const errors = metrics.counter('jetledger_http_errors_total', 'HTTP requests that failed, by code')
export const latency_s = metrics.histogram(
  'jetledger_http_request_duration_seconds',
  'Time from the request to the end of its answer, by route',
  LATENCY_BOUNDS_S,
)
export const in_flight = metrics.gauge('jetledger_http_requests_in_flight', 'HTTP requests at work')
export const resubmitted = metrics.counter(
  'jetledger_http_resubmissions_total',
  'Requests that were sent to the service once more because their outcome was not known, by subject',
)
