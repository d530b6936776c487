/** `GET /v1/caller`: who the gateway takes a caller for, so that a page shows only what its token allows. */

import type { FastifyInstance } from 'fastify'
import { sendJson } from './answer.js'
import { listOf, object, oneOf } from './schema.js'
import { SCOPES, type Tokens } from './tokens.js'

export const CALLER_PATH = '/v1/caller'

export const CALLER_ANSWER = object(
  { scopes: listOf(oneOf(...SCOPES)), has_tokens: { type: 'boolean' } },
  { name: { type: 'string' }, customer_prefixes: listOf({ type: 'string' }) },
)

/** Registers the path. Without tokens every caller has every scope. */
export const addCaller = (app: FastifyInstance, tokens: Tokens | undefined): void => {
  app.get(CALLER_PATH, (request, reply) => {
    const { name, scopes = SCOPES, customer_prefixes } = request.caller ?? {}
    return sendJson(request, reply, 200, {
      name,
      scopes,
      customer_prefixes,
      has_tokens: tokens !== undefined,
    })
  })
}
