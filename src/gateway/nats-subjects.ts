/**
 * `POST /v1/nats/subjects/{subject}`: a NATS request over HTTP, as Synadia's gateway offers it, for our own subjects.
 *
 * A caller of the predecessor changes only the host. The gateway does not look into what it carries: it sends the body
 * unchanged, and a service error is an answer like any other, marked by its headers.
 *
 * Headers are not carried. The predecessor sent `NatsH-<Name>` on as `<Name>`, with its own rights; some names make
 * nats-server publish elsewhere (`Nats-Trace-Dest`), and none means anything to the ledger's endpoints. They are refused
 * rather than left out, so that no caller believes that a `Nats-Msg-Id` has protected a command.
 */

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type Msg, type MsgHdrs, headers as newHeaders } from 'nats'
import { E } from '../fp.js'
import { GATEWAY_CALLER_HEADER, REQUEST_ID_HEADER } from '../service/callers.js'
import type { Effect } from '../service/error.js'
import { requestUnrefused } from '../service/refusals.js'
import { headerText, sendJson, sendProblem } from './answer.js'
import { unanswered } from './ask.js'
import type { Backend } from './backend.js'
import { checkQuery } from './check.js'
import { mayNot } from './guard.js'
import { problem } from './problem.js'
import { EVERYWHERE } from './rest.js'
import { SUBJECTS } from './routes.js'
import type { Tokens } from './tokens.js'

export const NATS_PATH = '/v1/nats/subjects/{subject}'
export const NATS_TIMEOUT_MS = 2_000

const PREFIX = 'natsh-'
/** The characters that RFC 9110 allows in a header's name; NATS allows more. */
const HTTP_NAME = /^[\w!#$%&'*+.^`|~-]+$/

/** The name of the first header that the caller wants sent on, as the caller spelled it; undefined without one. */
const forwardedHeader = ({ raw }: FastifyRequest): string | undefined =>
  raw.rawHeaders.find((text, i) => i % 2 === 0 && text.toLowerCase().startsWith(PREFIX))

const allHeadersOf = ({ headers }: Msg): Record<string, string[]> =>
  Object.fromEntries((headers?.keys() ?? []).map(name => [name, headers?.values(name) ?? []]))

const accepts = ({ headers }: FastifyRequest, type: string): boolean =>
  (headers.accept ?? '').split(',').some(accepted => accepted.split(';')[0]?.trim().toLowerCase() === type)

/** Answers with a message. The specification says `headers`, a client of it reads `header`: the JSON has both. */
const sendMessage = (request: FastifyRequest, reply: FastifyReply, msg: Msg): FastifyReply => {
  const headers = allHeadersOf(msg)
  if (accepts(request, 'application/json')) {
    const data = Buffer.from(msg.data).toString('base64')
    return sendJson(request, reply, 200, {
      // the subject is the gateway's own inbox, and not shown: a caller that may publish there could pose as the service
      subject: '',
      reply: msg.reply ?? '',
      data,
      headers,
      header: headers,
    })
  }
  for (const [name, values] of Object.entries(headers)) {
    if (HTTP_NAME.test(name)) reply.header(`NatsH-${name}`, values.map(headerText))
  }
  const type = accepts(request, 'text/plain') ? 'text/plain; charset=utf-8' : 'application/octet-stream'
  return reply.code(200).header('content-type', type).send(Buffer.from(msg.data))
}

/** The gateway's own headers of a write: who sends it (callers.ts). */
const callerHeaders = ({ caller, id }: FastifyRequest, effect: Effect): { headers?: MsgHdrs } => {
  if (caller === undefined || effect === 'read') return {}
  const headers = newHeaders()
  headers.set(GATEWAY_CALLER_HEADER, caller.by)
  headers.set(REQUEST_ID_HEADER, id)
  return { headers }
}

const UNSEEN = 'this token has limits that are checked at the other paths: use those under /v1/'

/** Whether the limits of the caller's token concern what a request holds: the gateway does not look into it here. */
const isUnseen = ({ caller }: FastifyRequest, subject: string): boolean => {
  if (caller === undefined) return false
  const { customer_prefixes, requests_per_second, requests_per_day } = caller
  const counts_commands = requests_per_second !== undefined || requests_per_day !== undefined
  return customer_prefixes !== undefined || (subject === 'customer.batch' && counts_commands)
}

/** Registers the route in a fastify scope of its own, because its body may be of any type. */
export const addNatsSubjects = (app: FastifyInstance, backend: Backend, tokens: Tokens | undefined): void => {
  const check = checkQuery(EVERYWHERE)

  const handler = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const { subject = '' } = request.params as { readonly subject?: string }
    const effect = SUBJECTS.get(subject)
    if (effect === undefined) {
      return sendProblem(request, reply, problem('NOT_FOUND', 'this gateway serves no such subject'))
    }
    if (mayNot(request, tokens, effect)) return sendProblem(request, reply, problem('FORBIDDEN'))
    if (isUnseen(request, subject)) return sendProblem(request, reply, problem('FORBIDDEN', UNSEEN))
    const query = check(request.query)
    if (E.isLeft(query)) return sendProblem(request, reply, problem('INVALID_REQUEST', query.left))
    const header = forwardedHeader(request)
    if (header !== undefined) {
      const why = `${header} is not sent on: the service takes no headers from callers`
      return sendProblem(request, reply, problem('INVALID_REQUEST', why))
    }
    const timeout = Number(query.right.timeout ?? NATS_TIMEOUT_MS)
    return backend.use(request, reply, async ({ nc }) => {
      const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0)
      const options = { timeout, ...callerHeaders(request, effect) }
      try {
        return sendMessage(request, reply, await requestUnrefused(nc, subject, body, options))
      } catch (cause) {
        return sendProblem(request, reply, unanswered(subject, effect, cause))
      }
    })
  }

  app.register(async scope => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_, body, done) => done(null, body))
    scope.route({
      method: 'POST',
      url: NATS_PATH.replace('{subject}', ':subject'),
      config: { nats: true },
      handler,
    })
  })
}
