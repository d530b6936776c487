/**
 * One endpoint of a service: its subscription, its limit of requests in flight, the handler's call and the reply.
 *
 * Every request takes this path, so it is made fast: the subscription has a callback (an async iterator would queue each
 * message and resume a generator for it), deadlines share a timer (`deadlines.ts`), and values that are the same for all
 * requests are built once.
 */

import type { MsgHdrs, NatsConnection } from 'nats'
import type { Logger } from 'pino'
import { E, type Either, type TaskEither } from '../fp.js'
import { readJson } from '../json.js'
import { createLogLimit } from '../log-limit.js'
import { busy, internalError, stopped, timedOut } from './catalogue.js'
import {
  type AnyEndpointConfig,
  type CallbackHandler,
  type Handler,
  queueGroup,
  type ServiceReply,
  type ServiceRequest,
} from './config.js'
import { createDeadlines, type Waiting } from './deadlines.js'
import type { ServiceError } from './error.js'
import { errorLines } from './headers.js'
import type { EndpointInfo, EndpointStats } from './protocol.js'
import type { Replies } from './replies.js'
import { type Counters, createCounters } from './stats.js'

export type Endpoint = {
  readonly info: EndpointInfo
  /** The current counters, with the configured `data`. */
  readonly stats: () => EndpointStats
  /** The number of requests at work now. */
  readonly inFlight: () => number
  /** The reason why the server ended the subscription (missing permission); undefined while it lives. */
  readonly failure: () => Error | undefined
  /** Serves a request of this process, within the same limits and counted like all others. */
  readonly take: (request: LocalRequest) => void
  /** Takes no more requests, and resolves when all requests that were taken are answered. */
  readonly drain: () => Promise<void>
  /** Answers all waiting requests (503, for a write 504) and returns their number; late results of handlers are dropped. */
  readonly abandon: () => number
}

/** A request of this process itself: it does not come over NATS, and its answer does not either. */
export type LocalRequest = {
  readonly subject: string
  readonly body: Uint8Array
  readonly headers: MsgHdrs | undefined
  /** Takes the answer, once: its body, and its headers as lines. */
  readonly onAnswer: (body: string, lines: string) => void
}

/** A message as the handler sees it. Its subject and headers are decoded only when the handler reads them. */
class Request implements ServiceRequest {
  readonly #msg: Incoming

  constructor(msg: Incoming) {
    this.#msg = msg
  }

  get subject(): string {
    return this.#msg.subject
  }

  get body(): Uint8Array {
    return this.#msg.data
  }

  get headers(): MsgHdrs | undefined {
    return this.#msg.headers
  }

  get reply(): string | undefined {
    return this.#msg.reply
  }

  get is_local(): boolean {
    return this.#msg.onAnswer !== undefined
  }
}

/** A message from NATS, or a request of this process, which brings its own way back. */
type Incoming = {
  readonly subject: string
  readonly data: Uint8Array
  readonly headers?: MsgHdrs | undefined
  readonly reply?: string | undefined
  readonly onAnswer?: LocalRequest['onAnswer']
}

type Result = Either<ServiceError, ServiceReply>

/** The two ways of a request: `answer` at once, or `begin` now and `finish` later. */
type Steps = {
  readonly answer: (request: InFlight, result: Result) => void
  readonly begin: (request: InFlight) => void
  readonly finish: (request: InFlight, result: Result) => void
}

/** Makes the function that calls the handler of an endpoint. Even when the handler fails, a request is answered once. */
const createServe = (
  config: AnyEndpointConfig,
  { answer, begin, finish }: Steps,
): ((request: InFlight) => void) => {
  const serveTask = async (
    request: InFlight,
    task: TaskEither<ServiceError, ServiceReply>,
  ): Promise<void> => {
    let result: Result
    try {
      result = await task()
    } catch (cause) {
      result = E.left(internalError(cause))
    }
    finish(request, result)
  }

  const serveHandler = (request: InFlight, handle: Handler): void => {
    let result: ReturnType<Handler>
    try {
      result = handle(new Request(request.msg))
    } catch (cause) {
      result = E.left(internalError(cause))
    }
    // a request that is answered at once is never in flight, and needs no deadline and no promise
    if (typeof result !== 'function') {
      answer(request, result)
      return
    }
    begin(request)
    void serveTask(request, result)
  }

  const serveCallback = (request: InFlight, callback: CallbackHandler): void => {
    let is_finished = false
    const finishOnce = (result: Result): void => {
      if (is_finished) return
      is_finished = true
      finish(request, result)
    }
    begin(request)
    try {
      callback(new Request(request.msg), finishOnce)
    } catch (cause) {
      finishOnce(E.left(internalError(cause)))
    }
  }

  return request => {
    if ('handle' in config) serveHandler(request, config.handle)
    else serveCallback(request, config.callback)
  }
}

/**
 * Subscribes and serves. When it returns, the server may not know the subscription yet: flush the connection before the
 * service is announced.
 *
 * No exception leaves the callback, because one in a subscription's callback would end the client's read loop.
 */
export const startEndpoint = (
  nc: NatsConnection,
  config: AnyEndpointConfig,
  replies: Replies,
  log: Logger,
): Endpoint => {
  const { max_in_flight } = config
  const info: EndpointInfo = Object.freeze({
    name: config.name,
    subject: config.subject,
    queue_group: queueGroup(config),
    metadata: Object.freeze({ description: config.description, ...config.metadata }),
  })
  const counters = createCounters()
  const { succeed, fail } = createAnswers(replies, counters, log)
  const { effect = 'read', errorForm = (error: ServiceError) => error } = config
  const busy_error = errorForm(busy(max_in_flight))
  const busy_lines = errorLines(busy_error)
  const timeout_error = errorForm(timedOut(config.timeout_ms, effect))
  let in_flight = 0
  let failure: Error | undefined

  const waiting = createDeadlines<InFlight>(config.timeout_ms, request => fail(request, timeout_error))

  const answer = (request: InFlight, result: Result): void => {
    if (E.isLeft(result)) fail(request, errorForm(result.left))
    else succeed(request, result.right)
  }

  const begin = (request: InFlight): void => {
    in_flight += 1
    waiting.add(request)
  }

  const finish = (request: InFlight, result: Result): void => {
    in_flight -= 1
    if (waiting.remove(request)) answer(request, result)
    else log.debug({ subject: request.msg.subject }, 'a result came too late and was dropped')
  }

  const serve = createServe(config, { answer, begin, finish })

  const take = (msg: Incoming): void => {
    const request = { msg, started_ns: process.hrtime.bigint() }
    counters.countRequest()
    if (in_flight >= max_in_flight) fail(request, busy_error, busy_lines)
    else serve(request)
  }

  const subscription = nc.subscribe(info.subject, {
    queue: info.queue_group,
    callback: (error, msg) => {
      if (error !== null) {
        failure = error
        log.error({ subject: info.subject, err: error }, 'the server ended the subscription of an endpoint')
        return
      }
      if (replies.accept(msg, info.name)) take(msg)
    },
  })

  return {
    info,
    failure: () => failure,
    inFlight: () => in_flight,
    take: ({ subject, body, headers, onAnswer }) => take({ subject, data: body, headers, onAnswer }),
    stats: () => ({
      name: info.name,
      subject: info.subject,
      queue_group: info.queue_group,
      ...counters.counts(),
      ...statsData(config, log),
    }),
    drain: async () => {
      // drain rejects when the connection or the subscription is closed; then no more requests arrive either
      await subscription.drain().catch((err: unknown) => log.debug({ err }, 'nothing left to drain'))
      await waiting.empty()
    },
    abandon: () => {
      const left = waiting.size()
      waiting.takeAll(request => fail(request, errorForm(stopped(effect))))
      return left
    },
  }
}

/** Extra data for STATS. Monitoring must work even when the configured function fails, or returns a value that is no JSON. */
const statsData = (config: AnyEndpointConfig, log: Logger): { data?: unknown } => {
  if (config.data === undefined) return {}
  try {
    const json = JSON.stringify(config.data())
    const data = json === undefined ? undefined : readJson(json)
    return data === undefined || E.isLeft(data) ? {} : { data: data.right }
  } catch (err) {
    log.error({ endpoint: config.name, err }, 'the data of STATS could not be collected')
    return {}
  }
}

/** A request that was taken and is not answered yet. */
type InFlight = Waiting & { readonly msg: Incoming }

type Answers = {
  /** Sends the handler's reply. If it cannot be sent, sends a 500 instead. */
  readonly succeed: (request: InFlight, reply: ServiceReply) => void
  /** Sends an error. `lines` are its headers, if the caller has built them before. */
  readonly fail: (request: InFlight, error: ServiceError, lines?: string) => void
}

/** Makes the functions that end a request: they send the reply, and count it in `counters`. */
const createAnswers = (replies: Replies, counters: Counters, log: Logger): Answers => {
  const limit = createLogLimit()

  const send = (msg: Incoming, body: string, lines = ''): void => {
    if (msg.onAnswer === undefined) replies.send(msg, body, lines)
    else msg.onAnswer(body, lines)
  }

  const fail: Answers['fail'] = ({ msg, started_ns }, error, lines = errorLines(error)) => {
    const err = error.cause ?? error.message
    const details = { subject: msg.subject, status: error.status, code: error.code, err }
    if (error.status < 500) log.debug(details, 'a request was refused')
    else {
      const more = limit(error.code)
      if (more !== undefined) log.error({ ...details, ...more }, 'a request failed')
    }
    try {
      send(msg, error.body, lines)
    } catch (err) {
      log.error({ subject: msg.subject, err }, 'an error could not be sent')
    }
    counters.countReply(process.hrtime.bigint() - started_ns, error)
  }

  return {
    fail,
    succeed: (request, reply) => {
      try {
        send(request.msg, reply.body, reply.lines)
      } catch (cause) {
        // the reply is too large, or the connection is closed: for the caller the same as a handler that throws
        fail(request, internalError(cause))
        return
      }
      counters.countReply(process.hrtime.bigint() - request.started_ns)
    },
  }
}
