/**
 * Asks the service over NATS: sends one request to one subject. It sends the same content again while the outcome is not
 * known and the caller's time is not over, and for a moment while the service turns the request away.
 *
 * A write carries its transaction id, so it has one effect however often it is sent. After a try without an answer only
 * an answer from the stream is final: a later "nothing was stored" is about the later try only.
 */

import { errors, type Msg, type NatsConnection } from 'nats'
import { type BackOff, pause } from '../back-off.js'
import { E, type Either, type TaskEither } from '../fp.js'
import { isJsonObject, readJson } from '../json.js'
import { REJECTION_CODES } from '../ledger/account.js'
import { CATALOGUE, type ErrorCode } from '../service/catalogue.js'
import type { Effect } from '../service/error.js'
import { createRefusals, isNoResponders } from '../service/refusals.js'
import type { Check } from './check.js'
import { resubmitted } from './http-metrics.js'
import { type Answer, askLocal, type Local } from './local.js'
import { type Problem, problem } from './problem.js'
import { request } from './requests.js'
import type { RouteReply } from './route.js'

export type Question = {
  readonly subject: string
  readonly body: string
  readonly effect: Effect
  /** Checks the service's reply. */
  readonly check: Check
  /** The time that the caller waits, for all tries together. */
  readonly timeout_ms: number
  /** The id of a write, which its problems name; as `transaction_id` unless `id_field` says otherwise. */
  readonly transaction_id?: string
  readonly id_field?: string
  /** The headers of the request as lines, made by `headerLines`. */
  readonly lines?: string
  /**
   * Whether the connection has no other requests. nats-server names the subject that a user may not publish to, and not the
   * request, so only then does its refusal say for certain that this request was not carried out.
   */
  readonly is_alone?: boolean
}

/** A try gets half of the time that is left, so that a dead instance does not use it all; but at least this long. */
const TRY_MS_MIN = 250
const BETWEEN_TRIES: BackOff = { first_ms: 50, max_ms: 1_000 }

/** The codes that are final for a write: the stream itself says so, or no further try can change it. */
const SETTLED: ReadonlySet<ErrorCode> = new Set([
  ...REJECTION_CODES,
  // what is left of a transaction never grows
  'NOT_REVERSIBLE',
  'ALREADY_REVERSED',
  'REVERSAL_EXCEEDED',
  'TRANSACTION_ID_REUSED',
  'INVALID_REQUEST',
  'PAYLOAD_TOO_LARGE',
])
/** The codes that say about a read only that this try did not answer it. */
const PASSING: ReadonlySet<ErrorCode> = new Set(['TIMEOUT', 'UNAVAILABLE', 'BUSY'])

/** The JSON of a reply; undefined when the reply is no JSON. */
const parse = (body: Uint8Array | string): unknown => {
  const read = readJson(body)
  return E.isRight(read) ? read.right : undefined
}

const isCode = (code: string): code is ErrorCode => Object.hasOwn(CATALOGUE, code)

const SERVICE_ERROR = 'Nats-Service-Error'
/** The headers of a reply that the gateway hands on; the other ones are not for its callers. */
export const LEDGER_HEADERS = [
  'Ledger-Version',
  'Ledger-Seq',
  'Ledger-Source',
  'Ledger-Available',
  'Ledger-Held',
  'Ledger-Age-Ms',
] as const

/** The headers that the gateway reads, each with the first of its values. */
const headersOf = ({ header }: Answer): Record<string, string> => {
  const found: Record<string, string> = {}
  for (const name of LEDGER_HEADERS) {
    const value = header(name)
    if (value !== undefined) found[name] = value
  }
  return found
}

/** A message of the service as an answer. */
const answerOf = ({ data, headers }: Msg): Answer => ({
  body: data,
  header: name => (headers?.has(name) === true ? headers.get(name) : undefined),
})

const problemOf = (subject: string, code: string, body: unknown): Problem => {
  if (!isCode(code)) {
    const cause = new Error(`${subject} answered with the unknown error ${JSON.stringify(code)}`)
    return problem('INTERNAL_ERROR', undefined, { cause })
  }
  const error = isJsonObject(body) && isJsonObject(body.error) ? body.error : {}
  // a subject that answers as JetStream does has `description` instead
  const { message = error.description } = error
  return problem(code, typeof message === 'string' ? message : undefined, { fields: error })
}

/** Turns a reply of the service into an answer or a problem. */
const read = ({ subject, check }: Question, answer: Answer): Either<Problem, RouteReply> => {
  const headers = headersOf(answer)
  const body = parse(answer.body)
  const error = answer.header(SERVICE_ERROR)
  if (error !== undefined) return E.left(problemOf(subject, error, body))
  const checked = check(body)
  if (E.isRight(checked)) return E.right({ body: checked.right, headers })
  const cause = new Error(`${subject} replied with something else than it promises: ${checked.left}`)
  return E.left(problem('INTERNAL_ERROR', undefined, { cause }))
}

/** The problem of a request that got no reply; `cause` is what the NATS client threw. */
export const unanswered = (subject: string, effect: Effect, cause: unknown): Problem => {
  if (isNoResponders(cause)) {
    return problem('UNAVAILABLE', `nobody serves ${subject} at the moment`, { cause })
  }
  if (effect === 'write') {
    const detail = cause instanceof errors.TimeoutError ? undefined : 'the connection to NATS is lost'
    return problem('OUTCOME_UNKNOWN', detail, { cause })
  }
  return cause instanceof errors.TimeoutError
    ? problem('TIMEOUT', undefined, { cause })
    : problem('UNAVAILABLE', 'the connection to NATS is lost', { cause })
}

/** Whether the server did not take the request. One whose answer its user may not hear is carried out. */
const isNotPublished = (thrown: unknown): boolean =>
  thrown instanceof errors.RequestError &&
  thrown.cause instanceof errors.PermissionViolationError &&
  thrown.cause.operation === 'publish'

const tryOnce = async (
  { nc, local }: ServiceAccess,
  question: Question,
  timeout_ms: number,
): Promise<Either<Problem, RouteReply>> => {
  const { subject, body, effect, lines, is_alone = false } = question
  try {
    const own = local && askLocal(local, question, timeout_ms)
    const answer =
      own === undefined ? answerOf(await request(nc, subject, body, timeout_ms, lines)) : await own
    return read(question, answer)
  } catch (cause) {
    return is_alone && isNotPublished(cause)
      ? E.left(problem('FORBIDDEN', `this NATS user may not publish to ${subject}`, { cause }))
      : E.left(unanswered(subject, effect, cause))
  }
}

/** The codes that leave the effect of the try unknown. */
const OPEN: ReadonlySet<ErrorCode> = new Set(['OUTCOME_UNKNOWN', 'TIMEOUT'])

/** Whether the try was turned away before anything was done: an instance had no place for it, or none was there. */
const isRefusal = ({ code, cause }: Problem): boolean => code === 'BUSY' || isNoResponders(cause)

/** The state of a question after its last try; `is_open` when the effect of some try is unknown. */
type SoFar = { readonly found: Problem; readonly is_open: boolean }

/** Whether a failure leaves the outcome unknown: while a try is open, it is about its own try, unless it is final. */
const isUndecided = ({ effect }: Question, { found, is_open }: SoFar): boolean =>
  is_open && (effect === 'write' ? !SETTLED.has(found.code) : PASSING.has(found.code))

/** The problem that the caller gets at last. It names a write, and says `OUTCOME_UNKNOWN` while a try of it is open. */
const verdict = (question: Question, soFar: SoFar): Problem => {
  const { effect, transaction_id, id_field = 'transaction_id' } = question
  const { fields, cause, ...found } = soFar.found
  const is_undecided = isUndecided(question, soFar)
  if (effect === 'read') return is_undecided ? problem('TIMEOUT', undefined, { cause }) : soFar.found
  const details = {
    fields: { ...fields, ...(transaction_id === undefined ? {} : { [id_field]: transaction_id }) },
    cause,
  }
  return is_undecided ? problem('OUTCOME_UNKNOWN', undefined, details) : { ...found, ...details }
}

/** Pauses before the next try, but never beyond the caller's time. */
const waitBefore = (attempt: number, left_ms: number): Promise<void> =>
  pause(BETWEEN_TRIES, attempt, AbortSignal.timeout(Math.max(1, Math.floor(left_ms))))

/** The ways to the service: NATS, and the roles of this process where it has any. */
export type ServiceAccess = { readonly nc: NatsConnection; readonly local?: Local | undefined }

/** Asks a question and gives the reply; left is the last problem, when the time is over or no further try can help. */
export const ask =
  (service: ServiceAccess, question: Question): TaskEither<Problem, RouteReply> =>
  async () => {
    let way = service
    const until_ms = performance.now() + question.timeout_ms
    const left_ms = (): number => until_ms - performance.now()
    const refusals = createRefusals()
    let [is_open, tries] = [false, 0]

    /** Whether another try can help and there is time for it; if so, it waits before it answers. */
    const mayTryAgain = async (found: Problem): Promise<boolean> => {
      if (!is_open && isRefusal(found)) return refusals.mayTryAgain(left_ms())
      if (!isUndecided(question, { found, is_open }) || left_ms() < 1) return false
      await waitBefore(tries, left_ms())
      return left_ms() >= 1
    }

    for (;;) {
      const try_ms = Math.ceil(Math.max(left_ms() / 2, Math.min(left_ms(), TRY_MS_MIN), 1))
      const answer = await tryOnce(way, question, try_ms)
      if (E.isRight(answer)) return answer
      // what this process could not do another one may do
      way = { nc: service.nc }
      is_open ||= OPEN.has(answer.left.code)
      // `refusals` counts the tries that were turned away
      if (is_open) tries += 1
      if (!(await mayTryAgain(answer.left))) return E.left(verdict(question, { found: answer.left, is_open }))
      resubmitted.inc({ subject: question.subject })
    }
  }
