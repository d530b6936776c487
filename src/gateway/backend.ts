/**
 * The gateway's way to the service: the connection while there is one, and the limit of requests at work.
 */

import type { FastifyReply, FastifyRequest } from 'fastify'
import type { NatsConnection } from 'nats'
import { sendProblem } from './answer.js'
import { in_flight } from './http-metrics.js'
import { problem } from './problem.js'

export type Backend = {
  /** Runs `work` with the connection, or answers why there is none to be had now. */
  readonly use: (
    request: FastifyRequest,
    reply: FastifyReply,
    work: (nc: NatsConnection) => Promise<FastifyReply>,
  ) => Promise<FastifyReply>
  /** No more work from now on; resolves when what was begun is answered. */
  readonly drain: () => Promise<void>
}

/** `connection` gives undefined while NATS is away. */
export const createBackend = (
  connection: () => NatsConnection | undefined,
  max_in_flight: number,
): Backend => {
  let at_work = 0
  let onEmpty: (() => void) | undefined
  let draining = false
  const untrack = in_flight.track(() => at_work)

  const done = (): void => {
    at_work -= 1
    if (at_work === 0) onEmpty?.()
  }

  return {
    use: async (request, reply, work) => {
      if (draining) {
        const closing = { headers: { connection: 'close' } }
        return sendProblem(request, reply, problem('UNAVAILABLE', 'this gateway is stopping', closing))
      }
      if (at_work >= max_in_flight) {
        return sendProblem(request, reply, problem('BUSY', `${max_in_flight} requests are in flight here`))
      }
      const nc = connection()
      if (nc === undefined) {
        return sendProblem(request, reply, problem('UNAVAILABLE', 'the gateway has no connection to NATS'))
      }
      at_work += 1
      try {
        return await work(nc)
      } finally {
        done()
      }
    },
    drain: async () => {
      draining = true
      if (at_work > 0) {
        await new Promise<void>(resolve => {
          onEmpty = resolve
        })
      }
      untrack()
    },
  }
}
