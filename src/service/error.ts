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
  body: errorBody(code, message),
  ...(cause === undefined ? {} : { cause }),
})

/** 429 `BUSY`: the endpoint has `max_in_flight` requests at work; another instance, or the next try, may be free. */
export const busy = (max_in_flight: number): ServiceError =>
  serviceError(429, 'BUSY', `${max_in_flight} requests are in flight, which is the limit; try again`)

/** 504 `TIMEOUT`: the handler had no result within its deadline. Whether it had an effect is not known. */
export const timedOut = (timeout_ms: number): ServiceError =>
  serviceError(504, 'TIMEOUT', `no result within ${timeout_ms} ms; the outcome is unknown`)

/** 503 `UNAVAILABLE`: the service stopped before the handler had a result. Whether it had an effect is not known. */
export const stopped = (): ServiceError =>
  serviceError(503, 'UNAVAILABLE', 'the service is stopping; the outcome is unknown')

/** 500 `INTERNAL_ERROR`: a bug here. The caller learns that much and no more; `cause` is for the log. */
export const internalError = (cause: unknown): ServiceError => ({
  ...serviceError(500, 'INTERNAL_ERROR', 'the service failed on this request; its log says why'),
  cause: cause ?? new Error('the handler threw nothing'),
})
