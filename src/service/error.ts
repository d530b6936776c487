/**
 * What an endpoint answers when it cannot do what it was asked: the NATS service error of ADR-32. All of them are made by
 * `catalogue.ts`.
 *
 * A reply with an error carries the headers `Nats-Service-Error-Code` (`status`) and `Nats-Service-Error` (`code`);
 * its body is free, and a caller must look at the headers of every reply to tell it from a success.
 */

export type ServiceError = {
  /** Meant like an HTTP status (400, 403, 429, 500, ...): ADR-32 asks for a number that is always safe to parse. */
  readonly status: number
  /** The machine-readable name, e.g. `BAD_REQUEST`. STATS shows it as `<status>:<code>`. */
  readonly code: string
  /** Sent as it is; usually `{"error":{"code","message",...}}`. */
  readonly body: string
  /** The sentence of the body, for an endpoint that sends it in another form. */
  readonly message?: string
  /** Goes to the log and never to the caller. */
  readonly cause?: unknown
}

/** What a request does: one that only reads can be given up without a question left open. */
export type Effect = 'read' | 'write'
