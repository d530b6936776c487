/**
 * Serves the REST routes of the table: checks a request, asks the service's subject, and answers.
 */

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { E, type Either, pipe } from '../fp.js'
import { GATEWAY_CALLER_HEADER, REQUEST_ID_HEADER } from '../service/callers.js'
import type { Effect } from '../service/error.js'
import { headerLines } from '../service/headers.js'
import { uuidv7 } from '../uuid.js'
import { varyByAccept } from './accept.js'
import { sendJson, sendProblem } from './answer.js'
import { ask, LEDGER_HEADERS, type Question, type ServiceAccess } from './ask.js'
import type { Backend } from './backend.js'
import type { CallerLimits } from './caller-limits.js'
import { type Check, checkQuery, checkWith } from './check.js'
import { type AnswerPage, csvRequest, sendCsv } from './csv.js'
import {
  createEventStreams,
  type EventSource,
  type EventStreams,
  lastSeen,
  pageOf,
  wantsStream,
} from './event-stream.js'
import { mayNot, mayNotTouch } from './guard.js'
import { idempotencyKey } from './idempotency-key.js'
import { createPdfs, pdfRequest } from './pdf.js'
import type { MakePdf } from './pdf-thread.js'
import { type Problem, problem } from './problem.js'
import type { Fields, Given, Route, RouteReply } from './route.js'
import { commandsIn, ROUTES } from './routes.js'
import { exactObject, type Properties, type Schema } from './schema.js'
import type { Tokens } from './tokens.js'

export const TIMEOUT_MS: Readonly<Record<Effect, number>> = { read: 5_000, write: 10_000 }
const TIMEOUT_MS_MAX = 30_000

/** The query parameters that every route takes beside its own. */
export const EVERYWHERE: Properties = {
  timeout: {
    type: 'integer',
    minimum: 1,
    maximum: TIMEOUT_MS_MAX,
    description: `must be a whole number from 1 to ${TIMEOUT_MS_MAX}: how many milliseconds to wait for the answer`,
  },
  pretty: { type: 'string', description: 'JSON for a reader, whatever the value' },
}

const NOTHING: Schema = { type: 'object' }

type Checks = { readonly params: Check; readonly query: Check; readonly body: Check; readonly reply: Check }

const checksOf = ({ params = {}, query = {}, body = NOTHING, reply }: Route): Checks => ({
  params: checkWith(exactObject(params)),
  query: checkQuery({ ...query, ...EVERYWHERE }),
  body: checkWith({ ...body, description: 'the body must be a JSON object' }),
  reply: checkWith(reply),
})

type Checked = Given & { readonly timeout_ms: number; readonly has_key: boolean }

/** Checks a request; left is a problem that names every wrong field. */
const read = (route: Route, checks: Checks, request: FastifyRequest): Either<Problem, Checked> => {
  const params = checks.params(request.params)
  const query = checks.query(request.query)
  const body = checks.body(route.body === undefined ? {} : request.body)
  const chars_added = E.isRight(body) ? (route.key_chars_added?.(body.right) ?? 0) : 0
  const key = route.effect === 'read' ? E.right(undefined) : idempotencyKey(request.headers, chars_added)
  if (E.isLeft(params) || E.isLeft(query) || E.isLeft(body) || E.isLeft(key)) {
    const wrong = [params, query, body, key].flatMap(part => (E.isLeft(part) ? [part.left] : []))
    return E.left(problem('INVALID_REQUEST', wrong.join('; ')))
  }
  const { timeout = TIMEOUT_MS[route.effect], pretty: _, ...own } = query.right
  return E.right({
    params: params.right as Given['params'],
    query: own,
    body: body.right,
    // a read has no id
    transaction_id: key.right ?? (route.effect === 'read' ? '' : uuidv7()),
    timeout_ms: Number(timeout),
    has_key: key.right !== undefined,
  })
}

/** The reply without `replayed` when the caller sent no key: then only this gateway repeated it. */
const asFirst = (reply: RouteReply): RouteReply => {
  const { replayed: _, ...body } = reply.body
  return { ...reply, body }
}

/** The answer for the caller. */
const answerOf = (route: Route, reply: RouteReply, checked: Checked): Either<Problem, Fields> => {
  const shown = reply.body.replayed === true && !checked.has_key ? asFirst(reply) : reply
  return route.toAnswer?.(shown, checked) ?? E.right(shown.body)
}

const send = (
  request: FastifyRequest,
  reply: FastifyReply,
  route: Route,
  { headers, answer }: AnswerPage,
): FastifyReply => {
  for (const name of LEDGER_HEADERS) if (headers[name] !== undefined) reply.header(name, headers[name])
  if (answer.replayed === true) reply.header('idempotency-replayed', 'true')
  const is_made = route.success === 201 && answer.dry_run !== true
  if (is_made) {
    reply.header('location', `/v1/transactions/${encodeURIComponent(String(answer.transaction_id))}`)
  }
  return sendJson(request, reply, is_made ? route.success : 200, answer)
}

/** The headers by which the service knows who sends a write, as the lines that are sent; '' for a caller without a token. */
const callerLines = ({ caller, id }: FastifyRequest): string =>
  caller === undefined ? '' : headerLines({ [GATEWAY_CALLER_HEADER]: caller.by, [REQUEST_ID_HEADER]: id })

/** Refuses what the caller's token does not reach, and takes the commands of a batch from what it may send. */
const limit = (
  route: Route,
  request: FastifyRequest,
  given: Given,
  limits: CallerLimits,
): Problem | undefined => {
  const is_told_later = route.customers_answered !== undefined
  if (!is_told_later && mayNotTouch(request, route.customers?.(given))) return OTHER_CUSTOMERS
  const commands = commandsIn(given.body).length
  return commands > 1 && request.caller !== undefined
    ? limits.takeCommands(request.caller, commands - 1)
    : undefined
}

const OTHER_CUSTOMERS = problem('FORBIDDEN', 'the token is for other customers')

/** The answer that the caller may see; without the right to its customers it is that of a thing that is not there. */
const visible =
  (route: Route, request: FastifyRequest) =>
  (answer: Fields): Either<Problem, Fields> =>
    route.customers_answered !== undefined && mayNotTouch(request, route.customers_answered(answer))
      ? E.left(problem('NOT_FOUND', 'the ledger holds no such transaction for this token'))
      : E.right(answer)

/** Asks the service once, and gives the answer that the caller may see. */
const askOnce = async (
  route: Route,
  request: FastifyRequest,
  service: ServiceAccess,
  check: Check,
  checked: Checked,
): Promise<Either<Problem, AnswerPage>> => {
  const { subject, effect, scope, id_field } = route
  const { transaction_id, timeout_ms } = checked
  const lines = callerLines(request)
  // an operation has no transaction id: what it is about says whether it was done before
  const id = { transaction_id, ...(id_field === undefined ? {} : { id_field }) }
  const own = effect === 'read' ? {} : scope === 'operate' ? { lines } : { ...id, lines }
  const body = JSON.stringify(route.ask(checked))
  const found = await ask(service, { subject, body, effect, check, timeout_ms, ...own })()
  return pipe(
    found,
    E.chain(reply => answerOf(route, reply, checked)),
    E.chain(visible(route, request)),
    E.map(answer => ({ answer, headers: E.isRight(found) ? found.right.headers : {} })),
  )
}

/** Asks for pages of events for as long as the caller's token counts. */
const eventSourceOf = (
  { backend, tokens }: RestOptions,
  request: FastifyRequest,
  question: Omit<Question, 'body'>,
  query: Fields,
): EventSource => ({
  page: async (after_seq, limit) => {
    const service = backend.service()
    if (service === undefined) return E.left(problem('UNAVAILABLE'))
    const body = JSON.stringify({ ...query, limit, ...(after_seq === undefined ? {} : { after_seq }) })
    return pipe(
      await ask(service, { ...question, body })(),
      E.map(({ body: page }) => pageOf(page)),
    )
  },
  mayGoOn: async () => {
    if (backend.isDraining()) return false
    const { authorization } = request.headers
    if (tokens === undefined || tokens.callerOf(authorization) !== undefined) return true
    return E.isRight(await tokens.check(authorization))
  },
})

/** Answers with the events that go on, from where the client was. */
const serveStream = (
  options: ServeOptions,
  { subject, effect }: Route,
  check: Check,
  request: FastifyRequest,
  reply: FastifyReply,
  { query: { after_seq, limit: _, ...query }, timeout_ms }: Checked,
): FastifyReply | Promise<FastifyReply> => {
  const seen = lastSeen(request, after_seq)
  if (E.isLeft(seen)) return sendProblem(request, reply, seen.left)
  const source = eventSourceOf(options, request, { subject, effect, check, timeout_ms }, query)
  return options.streams.serve(request, reply, source, seen.right)
}

const serve = (route: Route, checks: Checks, options: ServeOptions) => {
  const { effect, scope, csv } = route
  const { backend, tokens, limits } = options
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    if (csv !== undefined) varyByAccept(reply)
    if (mayNot(request, tokens, effect, scope)) return sendProblem(request, reply, problem('FORBIDDEN'))
    const checked = read(route, checks, request)
    if (E.isLeft(checked)) return sendProblem(request, reply, checked.left)
    const refused = limit(route, request, checked.right, limits)
    if (refused !== undefined) return sendProblem(request, reply, refused)
    if (route.may_stream === true && wantsStream(request))
      return serveStream(options, route, checks.reply, request, reply, checked.right)
    const wanted = csvRequest(csv, request, checked.right)
    if (E.isLeft(wanted)) return sendProblem(request, reply, wanted.left)
    const pdf = pdfRequest(route.pdf, request, checked.right)
    if (E.isLeft(pdf)) return sendProblem(request, reply, pdf.left)
    return backend.use(request, reply, async service => {
      const askFor = (query: Fields) =>
        askOnce(route, request, service, checks.reply, { ...checked.right, query })
      if (pdf.right !== undefined) return options.pdfs.serve(request, reply, pdf.right, askFor)
      const found = await askFor(wanted.right?.query ?? checked.right.query)
      if (E.isLeft(found)) return sendProblem(request, reply, found.left)
      if (wanted.right !== undefined) return sendCsv(request, reply, wanted.right, found.right, askFor)
      return send(request, reply, route, found.right)
    })
  }
}

/** A path in fastify's form: `/v1/customers/:client_id` for `/v1/customers/{client_id}`. */
const fastifyPath = (path: string): string => path.replace(/\{(\w+)\}/g, ':$1')

export type RestOptions = {
  readonly backend: Backend
  readonly tokens: Tokens | undefined
  readonly limits: CallerLimits
  readonly makePdf: MakePdf
}

type ServeOptions = RestOptions & {
  readonly streams: EventStreams
  readonly pdfs: ReturnType<typeof createPdfs>
}

/** Registers every route of the table. */
export const addRest = (app: FastifyInstance, options: RestOptions): void => {
  const own = { streams: createEventStreams(), pdfs: createPdfs(options.makePdf) }
  for (const route of ROUTES) {
    app.route({
      method: route.method,
      url: fastifyPath(route.path),
      ...(route.body_bytes_max === undefined ? {} : { bodyLimit: route.body_bytes_max }),
      handler: serve(route, checksOf(route), { ...options, ...own }),
    })
  }
}
