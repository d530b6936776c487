/**
 * The configuration of a service and its endpoints, and the check of it at start.
 */

import type { MsgHdrs } from 'nats'
import type { Logger } from 'pino'
import type { Either, TaskEither } from '../fp.js'
import type { Effect, ServiceError } from './error.js'
import { DEFAULT_QUEUE_GROUP, type Metadata } from './protocol.js'
import { replyPrefixProblem } from './replies.js'

export type ServiceRequest = {
  readonly subject: string
  readonly body: Uint8Array
  readonly headers?: MsgHdrs | undefined
  /** The subject of the reply; absent when nobody waits for one. */
  readonly reply?: string | undefined
  /** Whether the gateway of this same process asks. */
  readonly is_local?: boolean
}

export type ServiceReply = {
  readonly body: string
  /** The reply's headers as text, made by `headerLines`. */
  readonly lines?: string
}

/**
 * Turns one request into one reply: at once, as an `Either`, or later, as a task. An expected error is a `ServiceError`;
 * an exception is taken for a bug.
 */
export type Handler = (
  request: ServiceRequest,
) => Either<ServiceError, ServiceReply> | TaskEither<ServiceError, ServiceReply>

/**
 * A handler with a callback instead of a promise. It must call `answer`, now or later; only the first call counts. It is
 * for endpoints with tens of thousands of requests a second: replies given in one turn leave in one write.
 */
export type CallbackHandler = (
  request: ServiceRequest,
  answer: (result: Either<ServiceError, ServiceReply>) => void,
) => void

export type EndpointConfig = {
  readonly name: string
  /** It may hold wildcards. It must not begin with `$`, and no other endpoint may have it. */
  readonly subject: string
  /** Instances with the same group share the requests. `q` when absent (ADR-32). */
  readonly queue_group?: string
  /** Shown in INFO as `metadata.description`. */
  readonly description: string
  readonly metadata?: Metadata
  /**
   * The largest number of requests at work; the next one is answered 429 `BUSY` at once. A request that missed its
   * deadline counts until its handler really ends: the limit bounds the work, not the replies.
   */
  readonly max_in_flight: number
  /**
   * The time that a handler may take. After it the caller gets 504 (`TIMEOUT` for a read, `OUTCOME_UNKNOWN` for a write),
   * and the late result is dropped.
   */
  readonly timeout_ms: number
  /** Whether requests store anything; `read` when absent. */
  readonly effect?: Effect
  /** Gives errors another form than the usual one, including errors of the service itself, such as `BUSY`. */
  readonly errorForm?: (error: ServiceError) => ServiceError
  readonly handle: Handler
  /** Extra data for STATS. It must be representable in JSON. */
  readonly data?: () => unknown
}

/** An endpoint whose handler has a callback. */
export type CallbackEndpointConfig = Omit<EndpointConfig, 'handle'> & { readonly callback: CallbackHandler }

export type AnyEndpointConfig = EndpointConfig | CallbackEndpointConfig

export type ServiceConfig = {
  /** The kind of service, shared by all its instances: letters, digits, `-` and `_`. */
  readonly name: string
  /** The version of the service, in SemVer form. */
  readonly version: string
  readonly description: string
  readonly metadata?: Metadata
  readonly log: Logger
  readonly endpoints: readonly AnyEndpointConfig[]
  /** Prefixes of inboxes to which replies may go besides `_INBOX`, without a dot at the end. */
  readonly reply_prefixes?: readonly string[]
  /** The time that `stop` waits for the requests in flight. The longest `timeout_ms` of the endpoints when absent. */
  readonly drain_timeout_ms?: number
}

const SERVICE_NAME = /^[-\w]+$/
/** The expression that semver.org suggests and ADR-32 asks for. */
const SEM_VER =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-((?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?(?:\+([0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*))?$/
/**
 * Tokens without white space and wildcards, or `*`; `>` may be the last one. Subjects that begin with `$` belong to the
 * server and to the control subjects.
 */
const SUBSCRIBABLE = /^(?!\$)(?:(?:[^\s.*>]+|\*)(?:\.(?:[^\s.*>]+|\*))*(?:\.>)?|>)$/
const QUEUE_NAME = /^[^\s*>]+$/
/** setTimeout treats a longer time as 1 ms. */
const TIMEOUT_MS_MAX = 2 ** 31 - 1

/** The queue group of an endpoint: the configured one, or the default. */
export const queueGroup = (config: AnyEndpointConfig): string => config.queue_group ?? DEFAULT_QUEUE_GROUP

const isTimeout = (ms: number): boolean => Number.isInteger(ms) && ms >= 1 && ms <= TIMEOUT_MS_MAX

const endpointProblems = (config: AnyEndpointConfig): readonly string[] => {
  const problems: string[] = []
  const say = (text: string): void => {
    problems.push(`endpoint ${JSON.stringify(config.name)}: ${text}`)
  }
  if (!SERVICE_NAME.test(config.name)) say('the name may hold letters, digits, "-" and "_" only')
  if (!SUBSCRIBABLE.test(config.subject)) say(`${JSON.stringify(config.subject)} is no subject to serve`)
  if (!QUEUE_NAME.test(queueGroup(config))) say(`${JSON.stringify(config.queue_group)} is no queue group`)
  if (!Number.isInteger(config.max_in_flight) || config.max_in_flight < 1)
    say(`max_in_flight must be an integer of at least 1, not ${config.max_in_flight}`)
  if (!isTimeout(config.timeout_ms))
    say(`timeout_ms must be an integer from 1 to ${TIMEOUT_MS_MAX}, not ${config.timeout_ms}`)
  return problems
}

/** All problems of a configuration, as sentences; empty when the service can start. */
export const configProblems = (config: ServiceConfig): readonly string[] => {
  const problems: string[] = []
  if (!SERVICE_NAME.test(config.name))
    problems.push(`the name ${JSON.stringify(config.name)} may hold letters, digits, "-" and "_" only`)
  if (!SEM_VER.test(config.version))
    problems.push(`the version ${JSON.stringify(config.version)} is not SemVer`)
  if (config.drain_timeout_ms !== undefined && !isTimeout(config.drain_timeout_ms))
    problems.push(`drain_timeout_ms must be an integer from 1 to ${TIMEOUT_MS_MAX}`)
  for (const prefix of config.reply_prefixes ?? []) {
    const problem = replyPrefixProblem(prefix)
    if (problem !== undefined) problems.push(`the reply prefix ${JSON.stringify(prefix)} ${problem}`)
  }
  const subjects = new Set<string>()
  for (const endpoint of config.endpoints) {
    problems.push(...endpointProblems(endpoint))
    if (subjects.has(endpoint.subject)) problems.push(`two endpoints serve ${endpoint.subject}`)
    subjects.add(endpoint.subject)
  }
  return problems
}
