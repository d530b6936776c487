/**
 * Fills `/metrics` with the STATS of the NATS service and with the figures of the process itself.
 */

import { monitorEventLoopDelay } from 'node:perf_hooks'
import { metrics } from '../metrics.js'
import type { Service } from '../service/service.js'

const NS_PER_S = 1e9
const US_PER_S = 1e6
const LOOP_RESOLUTION_MS = 20

const requests = metrics.counter('jetledger_service_requests_total', 'NATS requests, by endpoint')
const errors = metrics.counter('jetledger_service_errors_total', 'NATS requests that failed, by endpoint')
const processing_s = metrics.counter(
  'jetledger_service_processing_seconds_total',
  'Time from the arrival of NATS requests to their answers, by endpoint',
)
const data_values = metrics.gauge(
  'jetledger_service_data',
  'Numbers that an endpoint adds to its STATS, by endpoint and field',
)
const cpu_s = metrics.counter('process_cpu_seconds_total', 'Processor time of the process')
const memory = metrics.gauge('process_resident_memory_bytes', 'Memory of the process')
const loop_s = metrics.gauge(
  'nodejs_eventloop_lag_p99_seconds',
  'How late the event loop is since the last look',
)

/** The numbers in an endpoint's `data` by their paths, e.g. `lag.events`. */
export const numbersIn = (data: unknown, path = ''): readonly (readonly [string, number])[] => {
  if (typeof data === 'number') return Number.isFinite(data) ? [[path, data]] : []
  if (typeof data !== 'object' || data === null) return []
  return Object.entries(data).flatMap(([name, value]) =>
    numbersIn(value, path === '' ? name : `${path}.${name}`),
  )
}

/** Adds the STATS of a service to the metrics until the returned function is called. */
export const watchService = (service: Service): (() => void) =>
  metrics.onCollect(() => {
    for (const { name, num_requests, num_errors, processing_time, data } of service.stats().endpoints) {
      const labels = { endpoint: name }
      requests.set(num_requests, labels)
      errors.set(num_errors, labels)
      processing_s.set(processing_time / NS_PER_S, labels)
      for (const [field, value] of numbersIn(data)) data_values.set(value, { ...labels, field })
    }
  })

/** Adds processor time, memory and event loop delay to the metrics, for as long as the process lives. */
export const watchProcess = (): void => {
  const delay = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS })
  delay.enable()
  metrics.onCollect(() => {
    const { user, system } = process.cpuUsage()
    cpu_s.set((user + system) / US_PER_S)
    memory.set(process.memoryUsage.rss())
    loop_s.set(delay.percentile(99) / NS_PER_S)
    delay.reset()
  })
}
