/**
 * What an endpoint answers when it cannot do what it was asked: the NATS service error of ADR-32.
 *
 * A reply with an error carries the headers `Nats-Service-Error-Code` (`status`) and `Nats-Service-Error` (`code`);
 * its body is free, and a caller must look at the headers of every reply to tell it from a success.
 */

export type ServiceError = {
  /** Meant like an HTTP status (400, 403, 429, 500, ...): ADR-32 asks for a number that is always safe to parse. */
  readonly status: number
  /** The machine-readable name, e.g. `BAD_REQUEST`. STATS shows it as `<status>:<code>`. */
  readonly code: string
  /** Sent as it is. `errorBody` builds the usual JSON. */
  readonly body: string
  /** The sentence of the body, for whoever says it in another form. */
  readonly message?: string
  /** Goes to the log and never to the caller. */
  readonly cause?: unknown
}

/** The usual body of an error: `{"error":{"code","message"}}`. */
export const errorBody = (code: string, message: string): string =>
  JSON.stringify({ error: { code, message } })

/** A ServiceError with the usual JSON body. `cause`, when there is one, is what the log shows. */
export const serviceError = (
  status: number,
  code: string,
  message: string,
  cause?: unknown,
): ServiceError => ({
  status,
  code,
  message,
  body: errorBody(code, message),
  ...(cause === undefined ? {} : { cause }),
})

/** 429 `BUSY`: the endpoint has `max_in_flight` requests at work; another instance, or the next try, may be free. */
export const busy = (max_in_flight: number): ServiceError =>
  serviceError(429, 'BUSY', `${max_in_flight} requests are in flight, which is the limit; try again`)

/** What a request does: one that only reads can be given up without a question left open. */
export type Effect = 'read' | 'write'

const outcomeUnknown = (why: string): ServiceError =>
  serviceError(504, 'OUTCOME_UNKNOWN', `${why}; whether it was stored is not known`)

/** The handler had no result within its deadline: 504, `TIMEOUT` of a read, `OUTCOME_UNKNOWN` of a write. */
export const timedOut = (timeout_ms: number, effect: Effect): ServiceError =>
  effect === 'write'
    ? outcomeUnknown(`no result within ${timeout_ms} ms`)
    : serviceError(504, 'TIMEOUT', `no result within ${timeout_ms} ms`)

/** The service stopped before the handler had a result: 503 `UNAVAILABLE` of a read, 504 `OUTCOME_UNKNOWN` of a write. */
export const stopped = (effect: Effect): ServiceError =>
  effect === 'write'
    ? outcomeUnknown('the service is stopping')
    : serviceError(503, 'UNAVAILABLE', 'the service is stopping')

/** 500 `INTERNAL_ERROR`: a bug here. The caller learns that much and no more; `cause` is for the log. */
export const internalError = (cause: unknown): ServiceError => ({
  ...serviceError(500, 'INTERNAL_ERROR', 'the service failed on this request; its log says why'),
  cause: cause ?? new Error('the handler threw nothing'),
})
