/**
 * Answers a request: with JSON, indented when `?pretty` asks for it, or with a problem.
 */

import type { FastifyReply, FastifyRequest } from 'fastify'
import { createLogLimit } from '../log-limit.js'
import type { ErrorCode } from '../service/catalogue.js'
import { PROBLEM_TYPE, type Problem, problemBody, problemHeaders, statusOf } from './problem.js'
import type { AuthorizedCaller } from './tokens.js'

declare module 'fastify' {
  interface FastifyRequest {
    /** Set by the guard; undefined when no tokens are configured. */
    caller?: AuthorizedCaller
    /** The error code of a request that failed, for the metrics. */
    failed_with?: ErrorCode
    /** Set when the answer goes on for as long as the client listens. */
    is_stream?: boolean
  }
  interface FastifyContextConfig {
    /** A route of the predecessor's gateway: its errors have a header and a member of their own. */
    nats?: boolean
    /** A route that answers the methods which its path does not have. */
    others?: boolean
  }
}

const JSON_TYPE = 'application/json; charset=utf-8'

const isPretty = ({ query }: FastifyRequest): boolean =>
  typeof query === 'object' && query !== null && 'pretty' in query

const write = (request: FastifyRequest, value: unknown): string =>
  isPretty(request) ? `${JSON.stringify(value, undefined, 2)}\n` : JSON.stringify(value)

/** Answers with a value; amounts in it must have their JSON forms already. */
export const sendJson = (
  request: FastifyRequest,
  reply: FastifyReply,
  status: number,
  value: unknown,
): FastifyReply => reply.code(status).header('content-type', JSON_TYPE).send(write(request, value))

/** Makes a text fit for a header's value: printable ASCII, at most 500 characters. */
export const headerText = (text: string): string => text.replace(/[^\x20-\x7e]+/g, ' ').slice(0, 500)

const limit = createLogLimit()

/** Answers with a problem, and logs it as an error or a warning when the fault is ours; of many alike some (`createLogLimit`). */
export const sendProblem = (request: FastifyRequest, reply: FastifyReply, problem: Problem): FastifyReply => {
  const status = statusOf(problem)
  const body = problemBody(problem)
  request.failed_with = problem.code
  const summary = { code: problem.code, method: request.method, route: request.routeOptions?.url }
  const details = { ...summary, request_id: request.id, reason: problem.detail, err: problem.cause }
  if (status < 500) request.log.debug(details, 'an HTTP request was refused')
  else {
    const more = limit(`${details.route} ${details.code}`)
    if (more !== undefined && problem.code === 'INTERNAL_ERROR')
      request.log.error({ ...details, ...more }, 'an HTTP request failed')
    else if (more !== undefined)
      request.log.warn({ ...details, ...more }, 'an HTTP request could not be answered')
  }
  const is_nats = request.routeOptions?.config?.nats === true
  if (is_nats) reply.header('x-nats-api-gateway-error', headerText(`${problem.code}: ${body.detail}`))
  if (problem.fields?.replayed === true) reply.header('idempotency-replayed', 'true')
  return reply
    .code(status)
    .headers(problemHeaders(problem))
    .header('content-type', PROBLEM_TYPE)
    .send(write(request, is_nats ? { ...body, message: body.detail } : body))
}
