/**
 * A NATS service (ADR-32): endpoints that share the requests with the other instances, discovery, and correct statistics.
 * It is implemented here because the services library of NATS does not time asynchronous handlers and does not count
 * error replies.
 */

import type { NatsConnection, Subscription } from 'nats'
import type { Logger } from 'pino'
import { within } from '../parallel.js'
import { randomId } from '../random-id.js'
import { configProblems, type ServiceConfig } from './config.js'
import { startControl } from './control.js'
import { type Endpoint, type LocalRequest, startEndpoint } from './endpoint.js'
import {
  type InfoResponse,
  infoResponse,
  pingResponse,
  type ServiceIdentity,
  type StatsResponse,
  statsResponse,
} from './protocol.js'
import { createReplies } from './replies.js'

export type Service = {
  /** The id of this instance; every instance has another one. */
  readonly id: string
  readonly info: () => InfoResponse
  readonly stats: () => StatsResponse
  /** The number of requests at work now, over all endpoints. */
  readonly inFlight: () => number
  /** Serves a request of this process without NATS. False: no endpoint has exactly this subject. */
  readonly take: (request: LocalRequest) => boolean
  /**
   * Drains the service: takes no more requests, waits up to `drain_timeout_ms` for those in flight, then answers the rest
   * with an error (`abandon` in endpoint.ts). A second call, also during the first, shares its result. It never rejects,
   * and the connection stays open.
   */
  readonly stop: () => Promise<void>
}

/** The time that the server has to confirm the end of subscriptions and the last replies. */
const FLUSH_TIMEOUT_MS = 1_000

/**
 * Starts a service. When it resolves, the server knows all subscriptions, so the first caller never gets "no responders".
 *
 * @throws Error naming every problem of the configuration, or the subscription that the server refused
 */
export const startService = async (nc: NatsConnection, config: ServiceConfig): Promise<Service> => {
  const problems = configProblems(config)
  if (problems.length > 0)
    throw new Error(`service ${JSON.stringify(config.name)} cannot start: ${problems.join('; ')}`)

  const identity: ServiceIdentity = {
    name: config.name,
    id: randomId(),
    version: config.version,
    metadata: Object.freeze({ ...config.metadata }),
  }
  const started = new Date()
  const log = config.log.child({ service: identity.name, service_id: identity.id })
  const replies = createReplies(nc, config.reply_prefixes ?? [], log)
  const endpoints = config.endpoints.map(endpoint => startEndpoint(nc, endpoint, replies, log))
  const info = infoResponse(
    identity,
    config.description,
    endpoints.map(endpoint => endpoint.info),
  )
  const stats = (): StatsResponse =>
    statsResponse(
      identity,
      started,
      endpoints.map(endpoint => endpoint.stats()),
    )
  let control_failure: Error | undefined
  const ping_json = JSON.stringify(pingResponse(identity))
  const info_json = JSON.stringify(info)
  // after the endpoints, so that a service is not discovered before it answers
  const control = startControl(
    nc,
    identity,
    { PING: () => ping_json, INFO: () => info_json, STATS: () => JSON.stringify(stats()) },
    replies,
    log,
    error => {
      control_failure = error
    },
  )

  const drain_timeout_ms =
    config.drain_timeout_ms ?? Math.max(0, ...config.endpoints.map(({ timeout_ms }) => timeout_ms))
  let stopping: Promise<void> | undefined
  const stop = (): Promise<void> => {
    stopping ??= drainAll(nc, endpoints, control, drain_timeout_ms, log)
    return stopping
  }

  await nc.flush()
  const failure = endpoints.map(endpoint => endpoint.failure()).find(Boolean) ?? control_failure
  if (failure !== undefined) {
    await stop()
    throw new Error(`service ${JSON.stringify(config.name)} cannot start: ${failure.message}`, {
      cause: failure,
    })
  }
  const inFlight = (): number => endpoints.reduce((sum, endpoint) => sum + endpoint.inFlight(), 0)
  const bySubject = new Map(endpoints.map(endpoint => [endpoint.info.subject, endpoint]))
  const take = (request: LocalRequest): boolean => {
    const endpoint = bySubject.get(request.subject)
    endpoint?.take(request)
    return endpoint !== undefined
  }
  return { id: identity.id, info: () => info, stats, inFlight, take, stop }
}

const drainAll = async (
  nc: NatsConnection,
  endpoints: readonly Endpoint[],
  control: readonly Subscription[],
  drain_timeout_ms: number,
  log: Logger,
): Promise<void> => {
  await waitFor(drain_timeout_ms, Promise.all(endpoints.map(endpoint => endpoint.drain())))
  const abandoned = endpoints.reduce((sum, endpoint) => sum + endpoint.abandon(), 0)
  if (abandoned > 0) log.warn({ abandoned, drain_timeout_ms }, 'stopped with requests unfinished')
  // last, so that monitoring sees the service for as long as it works
  await waitFor(FLUSH_TIMEOUT_MS, Promise.allSettled(control.map(subscription => subscription.drain())))
  await waitFor(FLUSH_TIMEOUT_MS, nc.isClosed() ? Promise.resolve() : nc.flush())
}

/** Waits until `work` ends or fails, but at most `timeout_ms`: a stop must end even when the server is gone. */
const waitFor = async (timeout_ms: number, work: Promise<unknown>): Promise<void> => {
  await within(
    timeout_ms,
    work.catch(() => undefined),
  )
}
