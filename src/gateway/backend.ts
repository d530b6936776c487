/**
 * The gateway's way to the service while there is a connection to NATS, and the limit of requests in flight.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { sendProblem } from './answer.js'
import type { ServiceAccess } from './ask.js'
import { in_flight } from './http-metrics.js'
import { problem } from './problem.js'

export type Backend = {
  /** Runs `work` with the ways to the service; without one, over the limit or while draining it answers with a problem. */
  readonly use: (
    request: FastifyRequest,
    reply: FastifyReply,
    work: (service: ServiceAccess) => Promise<FastifyReply>,
  ) => Promise<FastifyReply>
  /** The ways to the service now; undefined without one, and while draining. */
  readonly service: () => ServiceAccess | undefined
  readonly isDraining: () => boolean
  /** Takes no more work; resolves when every request that was begun is answered. */
  readonly drain: () => Promise<void>
}

/** The time for which requests wait when the connection to NATS is lost: a login that is renewed makes it anew at once. */
const AWAY_MS_MAX = 2_000
const LOOK_EVERY_MS = 20

/**
 * Gives the way to the service as soon as there is one, or undefined when NATS has been away for `AWAY_MS_MAX`: then each
 * request is told at once. All that wait look together.
 */
const createWaitForWay = (
  way: () => ServiceAccess | undefined,
): (() => ServiceAccess | Promise<ServiceAccess | undefined>) => {
  // a connection that never was is not waited for
  let away_since_ms: number | undefined = Number.NEGATIVE_INFINITY
  let looking: Promise<ServiceAccess | undefined> | undefined

  const look = async (since_ms: number): Promise<ServiceAccess | undefined> => {
    let found = way()
    while (found === undefined && performance.now() - since_ms < AWAY_MS_MAX) {
      await sleep(LOOK_EVERY_MS)
      found = way()
    }
    looking = undefined
    return found
  }

  return () => {
    const found = way()
    if (found !== undefined) {
      away_since_ms = undefined
      return found
    }
    away_since_ms ??= performance.now()
    looking ??= look(away_since_ms)
    return looking
  }
}

/** `way` gives undefined while NATS is away. */
export const createBackend = (way: () => ServiceAccess | undefined, max_in_flight: number): Backend => {
  let at_work = 0
  let onEmpty: (() => void) | undefined
  let is_draining = false
  const untrack = in_flight.track(() => at_work)
  const findWay = createWaitForWay(way)

  const finish = (): void => {
    at_work -= 1
    if (at_work === 0) onEmpty?.()
  }

  return {
    use: async (request, reply, work) => {
      if (is_draining) {
        const closing = { headers: { connection: 'close' } }
        return sendProblem(request, reply, problem('UNAVAILABLE', 'this gateway is stopping', closing))
      }
      if (at_work >= max_in_flight) {
        return sendProblem(request, reply, problem('BUSY', `${max_in_flight} requests are in flight here`))
      }
      at_work += 1
      try {
        const found = findWay()
        const service = found instanceof Promise ? await found : found
        if (service === undefined)
          return sendProblem(request, reply, problem('UNAVAILABLE', 'the gateway has no connection to NATS'))
        return await work(service)
      } finally {
        finish()
      }
    },
    service: () => (is_draining ? undefined : way()),
    isDraining: () => is_draining,
    drain: async () => {
      is_draining = true
      if (at_work > 0) {
        await new Promise<void>(resolve => {
          onEmpty = resolve
        })
      }
      untrack()
    },
  }
}
