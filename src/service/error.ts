/**
 * The NATS service error of ADR-32: the reply of an endpoint that cannot do what was asked. `catalogue.ts` makes all of
 * them.
 *
 * An error reply carries the headers `Nats-Service-Error-Code` (`status`) and `Nats-Service-Error` (`code`). Its body is
 * free, so a caller must look at the headers of every reply to tell an error from a success.
 */

export type ServiceError = {
  /** A number like an HTTP status (400, 403, 429, 500, ...): ADR-32 asks for a number that is always safe to parse. */
  readonly status: number
  /** The machine-readable name, e.g. `BAD_REQUEST`. STATS shows it as `<status>:<code>`. */
  readonly code: string
  /** The body of the reply; usually `{"error":{"code","message",...}}`. */
  readonly body: string
  /** The sentence of the body, for an endpoint that sends it in another form. */
  readonly message?: string
  /** Goes to the log and never to the caller. */
  readonly cause?: unknown
}

/** Whether a request may store something. A request that only reads can be abandoned without leaving its outcome unknown. */
export type Effect = 'read' | 'write'
