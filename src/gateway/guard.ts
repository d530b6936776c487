/**
 * Decides who may call: security headers, CORS by an allow-list, tokens with scopes, and the rate limit.
 */

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { sendProblem } from './answer.js'
import { problem } from './problem.js'
import type { RateLimit } from './rate-limit.js'
import type { Effect } from './route.js'
import type { Scope, Tokens } from './tokens.js'

export type GuardOptions = {
  /** Undefined: every caller that reaches the port may do everything, so the port listens on loopback only. */
  readonly tokens: Tokens | undefined
  /** Pages of these origins may call, beside the gateway's own. */
  readonly origins: readonly string[]
  readonly rate: RateLimit | undefined
  readonly tls: boolean
}

/** The headers that every answer carries. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
}
const STRICT_TRANSPORT = 'max-age=31536000'
const PREFLIGHT = {
  'access-control-allow-methods': 'GET, POST',
  'access-control-allow-headers': 'authorization, content-type, idempotency-key, accept',
  'access-control-max-age': '600',
}
const EXPOSED =
  'location, retry-after, idempotency-replayed, ledger-version, ledger-seq, ledger-source, ledger-age-ms, x-request-id'
const LOOPBACK = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/i

/** Adds the security headers to every answer, and the id by which the log knows the request. */
export const addSecurityHeaders = (app: FastifyInstance, { tls }: Pick<GuardOptions, 'tls'>): void => {
  app.addHook('onRequest', (request, reply, done) => {
    reply.headers(SECURITY_HEADERS).header('x-request-id', request.id)
    if (tls) reply.header('strict-transport-security', STRICT_TRANSPORT)
    done()
  })
}

const hostOf = (origin: string): string | undefined =>
  URL.canParse(origin) ? new URL(origin).host : undefined

/**
 * Whether a request comes from a page that may not call. A page of another origin may call only when the origin is on the
 * list: a browser sends simple requests without asking, and without tokens nothing else would stop a page from moving
 * money through the loopback interface. A foreign host name that points at 127.0.0.1 counts as another origin too.
 */
const isForeign = ({ headers }: FastifyRequest, { tokens, origins }: GuardOptions): boolean => {
  const { origin, host = '' } = headers
  if (tokens === undefined && !LOOPBACK.test(host)) return true
  return origin !== undefined && !origins.includes(origin) && hostOf(origin) !== host
}

const allowOrigin = (
  { headers: { origin } }: FastifyRequest,
  reply: FastifyReply,
  origins: readonly string[],
): void => {
  if (origins.length > 0) reply.header('vary', 'Origin')
  if (origin === undefined || !origins.includes(origin)) return
  reply.headers({ 'access-control-allow-origin': origin, 'access-control-expose-headers': EXPOSED })
}

const isPreflight = ({ method, headers }: FastifyRequest): boolean =>
  method === 'OPTIONS' && headers['access-control-request-method'] !== undefined

/** Refuses callers that may not call at all. `mayNot` checks what a caller may do, once the route is known. */
export const addGuard = (app: FastifyInstance, options: GuardOptions): void => {
  const { tokens, origins, rate } = options
  // a hook that answers the request itself does not call `done`
  app.addHook('onRequest', (request, reply, done) => {
    allowOrigin(request, reply, origins)
    if (isForeign(request, options)) {
      sendProblem(request, reply, problem('FORBIDDEN', 'the request comes from another origin'))
      return
    }
    if (isPreflight(request)) {
      reply.code(204).headers(PREFLIGHT).send()
      return
    }
    const caller = tokens?.callerOf(request.headers.authorization)
    if (caller !== undefined) request.caller = caller
    // before the answer about the token, so that no caller can try many tokens
    const wait_ms = rate?.take(caller === undefined ? `address ${request.ip}` : `token ${caller.name}`) ?? 0
    if (wait_ms > 0) {
      const headers = { 'retry-after': String(Math.ceil(wait_ms / 1_000)) }
      sendProblem(request, reply, problem('RATE_LIMITED', undefined, { headers }))
      return
    }
    if (tokens !== undefined && caller === undefined) {
      const headers = { 'www-authenticate': 'Bearer' }
      sendProblem(request, reply, problem('UNAUTHORIZED', undefined, { headers }))
      return
    }
    done()
  })
}

const SCOPE: Readonly<Record<Effect, Scope>> = { read: 'read', write: 'write' }

/** Whether the caller's token lacks the scope for `effect`. Without tokens every caller has every scope. */
export const mayNot = ({ caller }: FastifyRequest, tokens: Tokens | undefined, effect: Effect): boolean =>
  tokens !== undefined && !(caller?.scopes.includes(SCOPE[effect]) ?? false)
