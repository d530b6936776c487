/**
 * The errors of JetStream as one tagged type: the adapters in `src/stream` fail with no other error.
 *
 * The codes are nats-server's (`server/errors.json`); the codes that mean "try again" were measured (docs/adr/0004).
 */

import { JetStreamApiError, JetStreamError } from '@nats-io/jetstream'
import { errors } from 'nats'
import { Failed, type TaskEither, TE } from '../fp.js'

export type StreamError = {
  readonly tag: /** Another writer wrote to a subject first: load again, decide again. */
    | 'Conflict'
    /** The outcome is unknown or the server is not ready: send the same request with the same ids later. */
    | 'TryAgain'
    /** A message id of the batch may be stored already: read back before anything else. */
    | 'Duplicate'
    /** The server will never take this batch as it is. */
    | 'BatchRefused'
    /** Some messages cannot be sent: `faults` says which and why. Nothing was sent. */
    | 'Unsendable'
    /** A message is larger than the server takes; the server does not say which one of a batch. Nothing was stored. */
    | 'TooLarge'
    /** The stream's own limit is reached; nothing was stored. */
    | 'StreamFull'
    | 'NotFound'
    | 'SettingsDiffer'
    /** The server refused the subject to this connection's user. Nothing was stored, and trying again does not help. */
    | 'Forbidden'
    | 'Unexpected'
  readonly message: string
  /** nats-server's err_code, if it sent one. */
  readonly code?: number
  /** The `Conflict` is with a write that is not stored yet, so reading back does not show whose write it is. */
  readonly is_in_flight?: true
  readonly faults?: readonly MessageFault[]
  readonly cause?: unknown
}

/** Why message `index` of a batch cannot be sent, whatever the server says. */
export type MessageFault = {
  readonly index: number
  readonly kind: 'too large' | 'not encodable'
  readonly message: string
}

const IN_FLIGHT = 10164

const TAG_BY_CODE: Readonly<Record<number, StreamError['tag']>> = {
  10071: 'Conflict', // wrong last sequence
  [IN_FLIGHT]: 'Conflict', // wrong last sequence, by a write still in flight
  10005: 'TryAgain', // too few nodes for the replicas: some nodes of a starting cluster are not up yet
  10007: 'TryAgain', // the node does not have the stream at the moment
  10008: 'TryAgain', // cluster without a leader
  10009: 'TryAgain', // not the leader any more
  10158: 'TryAgain',
  10163: 'TryAgain',
  10176: 'TryAgain', // incomplete: the leader changed during the batch, and its first messages went to the old leader
  10210: 'TryAgain', // too many batches in flight
  10201: 'Duplicate',
  10174: 'BatchRefused', // batches not allowed on this stream
  10199: 'BatchRefused', // batch too large
  10054: 'TooLarge', // larger than the stream takes
  10077: 'StreamFull',
  10014: 'NotFound', // consumer
  10037: 'NotFound', // message
  10059: 'NotFound', // stream
}

/** Makes the error from nats-server's own code and text; `what` names the failed request. */
export const apiError = (what: string, code: number, description: string, cause?: unknown): StreamError => ({
  tag: TAG_BY_CODE[code] ?? 'Unexpected',
  message: `${what}: ${description} (${code})`,
  code,
  ...(code === IN_FLIGHT ? { is_in_flight: true } : {}),
  cause,
})

const isTransient = (cause: unknown): boolean =>
  cause instanceof errors.TimeoutError ||
  cause instanceof errors.RequestError ||
  cause instanceof errors.ConnectionError ||
  cause instanceof errors.ClosedConnectionError ||
  cause instanceof errors.DrainingConnectionError ||
  // the client's error while the meta leader changes; its class is not exported
  (cause instanceof Error && cause.name === 'JetStreamNotEnabled') ||
  (cause instanceof JetStreamError && 'code' in cause && cause.code === 503)

type Violation = InstanceType<typeof errors.PermissionViolationError>

/** The number of causes that are followed: the client wraps an error once or twice. */
const CAUSES_MAX = 4

/** The permission that the server refused, if that is why something failed. */
const violationIn = (cause: unknown, left = CAUSES_MAX): Violation | undefined => {
  if (cause instanceof errors.PermissionViolationError) return cause
  return cause instanceof Error && left > 0 ? violationIn(cause.cause, left - 1) : undefined
}

/** The violation as a clause that names the subject, and the setting that is forgotten the most. */
const describeViolation = ({ operation, subject }: Violation): string => {
  const lacking = `this NATS user may not ${operation === 'publish' ? 'publish' : 'subscribe'} to ${subject}`
  return operation === 'subscription' && subject.startsWith('_INBOX.')
    ? `${lacking} (NATS_INBOX_PREFIX names the inboxes that it has)`
    : lacking
}

/** Makes the error from a value that the NATS client or this program threw, and keeps it as the cause. */
export const toStreamError = (what: string, cause: unknown): StreamError => {
  if (cause instanceof Failed) return cause.error as StreamError
  if (cause instanceof JetStreamApiError) return apiError(what, cause.code, cause.message, cause)
  const violation = violationIn(cause)
  if (violation !== undefined)
    return { tag: 'Forbidden', message: `${what}: ${describeViolation(violation)}`, cause }
  const message = `${what}: ${cause instanceof Error ? cause.message || cause.name : String(cause)}`
  return { tag: isTransient(cause) ? 'TryAgain' : 'Unexpected', message, cause }
}

/** The one wrapper through which the NATS client's promises enter. */
export const tryStream = <A>(what: string, run: () => Promise<A>): TaskEither<StreamError, A> =>
  TE.tryCatch(run, cause => toStreamError(what, cause))
