/** Starts several processes of the built `jetledger serve` beside each other, each with an HTTP port of its own. */

import { freePorts, LOOPBACK } from '../../src/embedded/ports.js'
import type { Surroundings } from '../benchmark.js'
import { type ServiceOptions, startService, untilReady } from './service.js'

export type Service = {
  readonly pid: number
  readonly http_url: string
  /** Throws an error when the process has ended. */
  readonly mustLive: () => void
  readonly stop: () => Promise<void>
}

const answersReady = (http_url: string): Promise<boolean> =>
  fetch(`${http_url}/readyz`).then(
    async response => {
      await response.arrayBuffer()
      return response.ok
    },
    () => false,
  )

/** Starts `instances` processes one after the other, as a deployment does; `cleanup` stops them. */
export const startServices = async (
  options: ServiceOptions,
  instances: number,
  { cleanup, signal }: Pick<Surroundings, 'cleanup' | 'signal'>,
): Promise<readonly Service[]> => {
  const services: Service[] = []
  for (const port of await freePorts(instances)) {
    // the clients of a benchmark share one address
    const env = { HTTP_PORT: String(port), HTTP_RATE_LIMIT: '0', ...options.env }
    const service = startService({ ...options, env })
    cleanup.push(service.stop)
    const http_url = `http://${LOOPBACK}:${port}`
    await untilReady(service, () => answersReady(http_url), signal)
    let end: string | undefined
    void service.ended.then(how => {
      end = how
    })
    const mustLive = (): void => {
      if (end !== undefined) throw new Error(`jetledger serve ${end}; its log is ${service.log_file}`)
    }
    services.push({ pid: service.pid, http_url, mustLive, stop: service.stop })
  }
  return services
}
