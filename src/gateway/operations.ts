/**
 * The paths for the operators of a process: `/ping`, `/healthz`, `/readyz` and `/metrics`. Every process serves them,
 * with the role `gateway` and without it.
 */

import type { FastifyInstance, FastifyRequest } from 'fastify'
import { E } from '../fp.js'
import type { Health, HealthEntry } from '../health.js'
import type { Metrics } from '../metrics.js'
import { sendJson } from './answer.js'
import type { Tokens } from './tokens.js'

/** Checks each condition that must hold before a process may get requests. */
export type Readiness = () => Promise<Readonly<Record<string, HealthEntry>>>

export type OperationsOptions = {
  readonly health: Health
  readonly readiness: Readiness
  readonly metrics: Metrics
  /** When there are tokens, only their holders see the details, because the details name customers. */
  readonly tokens: Tokens | undefined
}

const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

type Parts = Readonly<Record<string, HealthEntry>>

const withoutDetails = (parts: Parts): Readonly<Record<string, Pick<HealthEntry, 'state'>>> =>
  Object.fromEntries(Object.entries(parts).map(([name, { state }]) => [name, { state }]))

/** Registers the four paths. */
export const addOperations = (
  app: FastifyInstance,
  { health, readiness, metrics, tokens }: OperationsOptions,
): void => {
  const isKnown = async ({ headers: { authorization } }: FastifyRequest): Promise<boolean> =>
    tokens === undefined ||
    tokens.callerOf(authorization) !== undefined ||
    E.isRight(await tokens.check(authorization))

  const shown = async (request: FastifyRequest, parts: Parts) =>
    (await isKnown(request)) ? parts : withoutDetails(parts)

  app.get('/ping', (_, reply) => reply.type('text/plain; charset=utf-8').send('ok\n'))

  app.get('/healthz', async (request, reply) => {
    const { state, parts } = health.read()
    const answer = { state, parts: await shown(request, parts) }
    return sendJson(request, reply, state === 'down' ? 503 : 200, answer)
  })

  app.get('/readyz', async (request, reply) => {
    const checks = await readiness()
    const ready = Object.values(checks).every(({ state }) => state !== 'down')
    return sendJson(request, reply, ready ? 200 : 503, { ready, checks: await shown(request, checks) })
  })

  app.get('/metrics', async (_, reply) => reply.type(METRICS_TYPE).send(await metrics.text()))
}
