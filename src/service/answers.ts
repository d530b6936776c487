/**
 * How a request ends: its reply goes out and it is counted, whether it went well or not. Nothing here throws.
 */

import type { Msg } from 'nats'
import type { Logger } from 'pino'
import { internalError } from './catalogue.js'
import type { ServiceReply } from './config.js'
import type { Waiting } from './deadlines.js'
import type { ServiceError } from './error.js'
import { errorLines } from './headers.js'
import type { Replies } from './replies.js'
import type { Counters } from './stats.js'

/** A request that was taken and not answered yet. */
export type InFlight = Waiting & { readonly msg: Msg }

export type Answers = {
  /** Sends the handler's reply; one that cannot be sent becomes a 500. */
  readonly succeed: (request: InFlight, reply: ServiceReply) => void
  /** Sends an error. `lines` spares building the headers of an error that is always the same. */
  readonly fail: (request: InFlight, error: ServiceError, lines?: string) => void
}

/** The end of an endpoint's requests, counted in `counters`. */
export const createAnswers = ({ send }: Replies, counters: Counters, log: Logger): Answers => {
  const fail: Answers['fail'] = ({ msg, started_ns }, error, lines = errorLines(error)) => {
    const details = { subject: msg.subject, status: error.status, code: error.code, err: error.cause }
    if (error.status >= 500) log.error(details, 'a request failed')
    else log.debug(details, 'a request was refused')
    try {
      send(msg, error.body, lines)
    } catch (err) {
      log.error({ subject: msg.subject, err }, 'an error could not be sent')
    }
    counters.answered(process.hrtime.bigint() - started_ns, error)
  }

  return {
    fail,
    succeed: (request, reply) => {
      try {
        send(request.msg, reply.body, reply.lines)
      } catch (cause) {
        // too large for the server, or a connection that is closed: to the caller as much a bug as a handler that throws
        fail(request, internalError(cause))
        return
      }
      counters.answered(process.hrtime.bigint() - request.started_ns)
    },
  }
}
