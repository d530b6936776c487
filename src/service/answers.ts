/**
 * How a request ends: its reply goes out and it is counted, whether it went well or not. Nothing here throws.
 */

import type { Msg, MsgHdrs } from 'nats'
import type { Logger } from 'pino'
import type { ServiceReply } from './config.js'
import type { Waiting } from './deadlines.js'
import { internalError, type ServiceError } from './error.js'
import { errorHeaders, replyHeaders } from './headers.js'
import type { Counters } from './stats.js'

/** A request that was taken and not answered yet. */
export type InFlight = Waiting & { readonly msg: Msg }

export type Answers = {
  /** Sends the handler's reply; one that cannot be sent becomes a 500. */
  readonly succeed: (request: InFlight, reply: ServiceReply) => void
  /** Sends an error. `headers` spares building those of an error that is always the same. */
  readonly fail: (request: InFlight, error: ServiceError, headers?: MsgHdrs) => void
}

/** The end of an endpoint's requests, counted in `counters`. */
export const createAnswers = (counters: Counters, log: Logger): Answers => {
  const send = (msg: Msg, body: Uint8Array | string, headers: MsgHdrs | undefined): void => {
    if (!msg.respond(body, headers === undefined ? undefined : { headers }))
      log.debug({ subject: msg.subject }, 'a request without a reply subject: handled, not answered')
  }

  const fail: Answers['fail'] = ({ msg, started_ns }, error, headers = errorHeaders(error)) => {
    const details = { subject: msg.subject, status: error.status, code: error.code, err: error.cause }
    if (error.status >= 500) log.error(details, 'a request failed')
    else log.debug(details, 'a request was refused')
    try {
      send(msg, error.body, headers)
    } catch (err) {
      log.error({ subject: msg.subject, err }, 'an error could not be sent')
    }
    counters.answered(process.hrtime.bigint() - started_ns, error)
  }

  return {
    fail,
    succeed: (request, reply) => {
      try {
        send(request.msg, reply.body, replyHeaders(reply.headers))
      } catch (cause) {
        // too large for the server, or a header that is none: to the caller as much a bug as a handler that throws
        fail(request, internalError(cause))
        return
      }
      counters.answered(process.hrtime.bigint() - request.started_ns)
    },
  }
}
