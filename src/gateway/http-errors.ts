/**
 * Errors below the routes: requests that fastify refuses, and bytes that are no HTTP request at all.
 */

import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyError } from 'fastify'
import { errors } from './http-metrics.js'
import { PROBLEM_TYPE, type Problem, problem, problemBody, statusOf } from './problem.js'

/** The problem of an error of fastify or of its HTTP parser, by the status that it would answer with. */
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

/** Answers a request that is no HTTP, too slow, or has too large headers; then the connection ends. */
export const onClientError = (error: Error & { readonly code?: string }, socket: Socket): void => {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const refusal = unreadable(error.code)
  const body = JSON.stringify(problemBody(refusal))
  const head = [
    `HTTP/1.1 ${statusOf(refusal)} ${STATUS_CODES[statusOf(refusal)]}`,
    `content-type: ${PROBLEM_TYPE}`,
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ]
  errors.inc({ code: refusal.code })
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
}
