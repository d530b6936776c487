/**
 * Errors below the routes: what fastify refuses, and what is no request at all.
 */

import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyError } from 'fastify'
import { errors } from './http-metrics.js'
import { PROBLEM_TYPE, type Problem, problem, problemBody, statusOf } from './problem.js'

/** What fastify and the parser of HTTP say, by the status they would answer with. */
export const problemOf = (error: FastifyError): Problem => {
  switch (error.statusCode) {
    case 413:
      return problem('PAYLOAD_TOO_LARGE', error.message)
    case 415:
      return problem('UNSUPPORTED_MEDIA_TYPE')
    case 404:
    case 400:
      return problem('INVALID_REQUEST', error.message)
    default:
      return problem('INTERNAL_ERROR', undefined, { cause: error })
  }
}

const unreadable = (code: string | undefined): Problem => {
  if (code === 'HPE_HEADER_OVERFLOW') return problem('HEADERS_TOO_LARGE')
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return problem('REQUEST_TIMEOUT')
  return problem('INVALID_REQUEST', 'this is no HTTP request')
}

/** Answers a request that is no HTTP, or whose headers are too large; then the connection ends. */
export const onClientError = (error: Error & { readonly code?: string }, socket: Socket): void => {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const told = unreadable(error.code)
  const body = JSON.stringify(problemBody(told))
  const head = [
    `HTTP/1.1 ${statusOf(told)} ${STATUS_CODES[statusOf(told)]}`,
    `content-type: ${PROBLEM_TYPE}`,
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ]
  errors.inc({ code: told.code })
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
}
