/**
 * Decides who may call: security headers, CORS by an allow-list, tokens with scopes, and the limits of each caller.
 */

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { E, type Either } from '../fp.js'
import type { Effect } from '../service/error.js'
import { sendProblem } from './answer.js'
import type { CallerLimits } from './caller-limits.js'
import { clientAddress } from './client-address.js'
import { type Problem, problem } from './problem.js'
import type { AuthorizedCaller, Scope, TokenRefusal, Tokens } from './tokens.js'

export type GuardOptions = {
  /** Undefined: every caller that reaches the port may do everything, so the port listens on loopback only. */
  readonly tokens: Tokens | undefined
  /** Pages of these origins may call, beside the gateway's own. */
  readonly origins: readonly string[]
  /** The number of balancers before the gateway that add the client's address to `X-Forwarded-For`. */
  readonly proxies: number
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
  'access-control-allow-methods': 'GET, POST, PUT',
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

/** The names of a request's headers are as the client wrote them; a second value of one would be passed over in silence. */
const isTwice = ({ raw }: FastifyRequest, header: string): boolean =>
  raw.rawHeaders.filter(
    (text, i) => i % 2 === 0 && text.length === header.length && text.toLowerCase() === header,
  ).length > 1

const TWICE = problem('INVALID_REQUEST', 'the header Authorization is there twice')

/** The problem of a caller whose token does not count. Only that a token has expired is told: its holder knew it before. */
const refusalOf = ({ tag, reason, cause }: TokenRefusal): Problem => {
  if (tag === 'UNAVAILABLE')
    return problem('UNAVAILABLE', 'the keys of the issuer of tokens cannot be read at the moment', { cause })
  const headers = { 'www-authenticate': 'Bearer' }
  return problem('UNAUTHORIZED', tag === 'EXPIRED' ? reason : undefined, { headers })
}

/** Checks a token that is not known: it belongs to an issuer, or to nobody. Left is the problem of the request. */
const check = async (
  tokens: Tokens,
  limits: CallerLimits,
  request: FastifyRequest,
): Promise<Either<Problem, AuthorizedCaller>> => {
  const found = await tokens.check(request.headers.authorization)
  if (E.isLeft(found)) {
    const { tag, reason } = found.left
    request.log.debug({ request_id: request.id, tag, reason }, 'a token was refused')
    return E.left(refusalOf(found.left))
  }
  const limited = limits.take(found.right)
  return limited === undefined ? found : E.left(limited)
}

/** Refuses callers that may not call at all. `mayNot` checks what a caller may do, once the route is known. */
export const addGuard = (app: FastifyInstance, options: GuardOptions, limits: CallerLimits): void => {
  const { tokens, origins, proxies } = options

  /** The problem of a caller that is known, or that needs no token; undefined when it may go on. */
  const admit = (request: FastifyRequest, caller: AuthorizedCaller | undefined): Problem | undefined => {
    if (caller === undefined) {
      const forwarded = request.headers['x-forwarded-for']
      return limits.takeFrom(clientAddress(request.ip, [forwarded].flat().join(','), proxies))
    }
    request.caller = caller
    return limits.take(caller)
  }

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
    // before the answer about the token, so that no caller can try many tokens
    const found = isTwice(request, 'authorization') ? TWICE : admit(request, caller)
    if (found !== undefined) {
      sendProblem(request, reply, found)
      return
    }
    if (tokens === undefined || caller !== undefined) {
      done()
      return
    }
    void check(tokens, limits, request).then(checked => {
      if (E.isLeft(checked)) {
        sendProblem(request, reply, checked.left)
        return
      }
      request.caller = checked.right
      done()
    }, done)
  })
}

const SCOPE: Readonly<Record<Effect, Scope>> = { read: 'read', write: 'write' }

/** Whether the caller's token lacks the scope for `effect`, or `scope`. Without tokens every caller has every scope. */
export const mayNot = (
  { caller }: FastifyRequest,
  tokens: Tokens | undefined,
  effect: Effect,
  scope: Scope = SCOPE[effect],
): boolean => tokens !== undefined && !(caller?.scopes.includes(scope) ?? false)

/**
 * Whether the caller's token is limited to other customers than `customers`, those that the request is about. Undefined:
 * it is about all of them.
 */
export const mayNotTouch = (
  { caller }: FastifyRequest,
  customers: readonly string[] | undefined,
): boolean => {
  const prefixes = caller?.customer_prefixes
  if (prefixes === undefined) return false
  if (customers === undefined || customers.length === 0) return true
  return !customers.every(id => prefixes.some(prefix => id.startsWith(prefix)))
}
