/**
 * The HTTP server of a process: it always serves the paths for operators, and the gateway's routes with the role
 * `gateway`.
 */

import type { AddressInfo } from 'node:net'
import Fastify, {
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify'
import type { Logger } from 'pino'
import type { Health } from '../health.js'
import type { Metrics } from '../metrics.js'
import { within } from '../parallel.js'
import { uuidv7 } from '../uuid.js'
import { sendProblem } from './answer.js'
import type { ServiceAccess } from './ask.js'
import { type Backend, createBackend } from './backend.js'
import { addCaller } from './caller.js'
import { createCallerLimits } from './caller-limits.js'
import { addConsole } from './console.js'
import { addDocs } from './docs.js'
import { addGuard, addSecurityHeaders, type GuardOptions, SECURITY_HEADERS } from './guard.js'
import { onClientError, problemOf } from './http-errors.js'
import { errors, latency_s, requests } from './http-metrics.js'
import { addJsonParser } from './json-body.js'
import { addOtherMethods, noteRoutes } from './methods.js'
import { addNatsSubjects } from './nats-subjects.js'
import { addOperations, type Readiness } from './operations.js'
import { createPdfThread, type MakePdf } from './pdf-thread.js'
import { problem } from './problem.js'
import type { RateLimit } from './rate-limit.js'
import { addRest } from './rest.js'

export type GatewayOptions = Omit<GuardOptions, 'tls'> & {
  /** The rate that every caller has; undefined: none has one, not even a token with a rate of its own. */
  readonly rate: RateLimit | undefined
  /** The ways to the service; undefined while NATS is away. */
  readonly service: () => ServiceAccess | undefined
  /** The largest number of requests in flight; one more is answered `BUSY`. */
  readonly max_in_flight: number
  /** Makes the PDFs of statements; absent: each in a thread of its own. */
  readonly makePdf?: MakePdf
}

export type ServerOptions = {
  readonly health: Health
  readonly readiness: Readiness
  readonly metrics: Metrics
  readonly log: Logger
  readonly version: string
  /** PEM texts. */
  readonly tls: { readonly cert: string; readonly key: string } | undefined
  /** Undefined without the role `gateway`. */
  readonly gateway: GatewayOptions | undefined
}

export type HttpServer = {
  /** Listens; resolves with the port. Rejects as Node's `listen` does. */
  readonly listen: (host: string, port: number) => Promise<number>
  /** Takes no more work; resolves when the begun requests are answered, after at most `DRAIN_MS_MAX`. Health goes on. */
  readonly drain: () => Promise<void>
  /** Closes the port and every connection. */
  readonly stop: () => Promise<void>
  /** For tests: the routes that are registered, as `GET /path`. */
  readonly routes: readonly string[]
}

const BODY_BYTES_MAX = 1_000_000
const HEADER_BYTES_MAX = 16_384
const CONNECTIONS_MAX = 10_000
const HEADERS_TIMEOUT_MS = 5_000
const REQUEST_TIMEOUT_MS = 15_000
const KEEP_ALIVE_MS = 65_000
/** Longer than a customer's id may be and shorter than the headers: an id that is too long gets 400 and not 404. */
const PARAM_CHARS_MAX = 8_192
const DRAIN_MS_MAX = 10_000

const NODE_OPTIONS = {
  maxHeaderSize: HEADER_BYTES_MAX,
  headersTimeout: HEADERS_TIMEOUT_MS,
  // how often Node looks for requests that take too long
  connectionsCheckingInterval: 1_000,
}

const createApp = (options: ServerOptions): FastifyInstance => {
  const common = {
    loggerInstance: options.log as never,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: () => uuidv7(),
    // a logger of its own for each request costs much, and the lines about a request name it anyway
    childLoggerFactory: (log: FastifyBaseLogger) => log,
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    return503OnClosing: false,
    forceCloseConnections: true,
    clientErrorHandler: onClientError,
    routerOptions: { maxParamLength: PARAM_CHARS_MAX },
    frameworkErrors: (error: FastifyError, request: FastifyRequest, reply: FastifyReply) => {
      sendProblem(request, reply.headers(SECURITY_HEADERS), problemOf(error))
    },
  }
  const { tls } = options
  const app = (tls === undefined
    ? Fastify({ ...common, http: NODE_OPTIONS })
    : Fastify({
        ...common,
        https: { ...NODE_OPTIONS, ...tls, minVersion: 'TLSv1.2' },
      })) as unknown as FastifyInstance
  app.server.maxConnections = CONNECTIONS_MAX
  return app
}

const NO_ROUTE = 'none'

/** Counts every request that was answered. */
const addMetrics = (app: FastifyInstance): void => {
  app.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? NO_ROUTE
    const { method } = request
    requests.inc({ method, route, status: String(reply.statusCode) })
    if (request.is_stream !== true) latency_s.observe(reply.elapsedTime / 1_000, { method, route })
    if (request.failed_with !== undefined) errors.inc({ code: request.failed_with })
    done()
  })
}

const addGateway = (
  app: FastifyInstance,
  { version, tls }: ServerOptions,
  gateway: GatewayOptions,
  backend: Backend,
): void => {
  const { tokens, makePdf = createPdfThread() } = gateway
  const limits = createCallerLimits(gateway.rate)
  addDocs(app, version, tokens !== undefined)
  addConsole(app)
  app.register(async api => {
    const own = noteRoutes(api)
    addGuard(api, { ...gateway, tls: tls !== undefined }, limits)
    addJsonParser(api)
    addRest(api, { backend, tokens, limits, makePdf })
    addNatsSubjects(api, backend, tokens)
    addCaller(api, tokens)
    api.after(() => addOtherMethods(api, own))
  })
}

/** Builds the server; it takes no connection before `listen`. */
export const createServer = async (options: ServerOptions): Promise<HttpServer> => {
  const { gateway, health, readiness, metrics, tls } = options
  const app = createApp(options)
  const routes = noteRoutes(app)
  addMetrics(app)
  addSecurityHeaders(app, { tls: tls !== undefined })
  app.setErrorHandler<FastifyError>((error, request, reply) => sendProblem(request, reply, problemOf(error)))
  app.setNotFoundHandler((request, reply) =>
    sendProblem(request, reply, problem('NOT_FOUND', 'there is no such path')),
  )
  const backend = gateway === undefined ? undefined : createBackend(gateway.service, gateway.max_in_flight)
  addOperations(app, { health, readiness, metrics, tokens: gateway?.tokens })
  if (gateway !== undefined && backend !== undefined) addGateway(app, options, gateway, backend)
  await app.ready()

  return {
    routes,
    listen: async (host, port) => {
      // fastify logs one line for each address, even when the resolver gives it an empty text
      await app.listen({ host, port, listenTextResolver: address => `HTTP: listening at ${address}` })
      return (app.server.address() as AddressInfo).port
    },
    drain: async () => {
      await within(DRAIN_MS_MAX, backend?.drain() ?? Promise.resolve())
    },
    stop: () => app.close(),
  }
}
