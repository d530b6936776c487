/**
 * Asks the service over NATS: one request to one subject, and again with the same content while its outcome is not
 * known and the caller's time is not over, or for a moment while it is turned away.
 *
 * A write goes out with its transaction id, so however often it is sent it has one effect. After a try without an
 * answer nothing but what the stream says is final: a later "nothing was stored" speaks of the later try only.
 */

import { errors, type Msg, type NatsConnection } from 'nats'
import { type BackOff, pause } from '../back-off.js'
import { E, type Either, type TaskEither } from '../fp.js'
import { isJsonObject, readJson } from '../json.js'
import { CATALOGUE, type ErrorCode } from '../service/catalogue.js'
import { createRefusals, isNoResponders } from '../service/refusals.js'
import type { Check } from './check.js'
import { resubmitted } from './http-metrics.js'
import { type Problem, problem } from './problem.js'
import type { Effect, Reply } from './route.js'

export type Question = {
  readonly subject: string
  readonly body: string
  readonly effect: Effect
  /** Of what the service replies. */
  readonly check: Check
  /** How long the caller waits, all tries together. */
  readonly timeout_ms: number
  /** Of a write, for the answers that name it. */
  readonly transaction_id?: string
}

/** A try gets half of the time that is left, so that a dead instance does not use it up; no less than this. */
const TRY_MS_MIN = 250
const BETWEEN_TRIES: BackOff = { first_ms: 50, max_ms: 1_000 }

/** What the stream itself says of a write, or what no try can change. */
const SETTLED: ReadonlySet<ErrorCode> = new Set([
  'INSUFFICIENT_FUNDS',
  'BALANCE_LIMIT',
  'TRANSACTION_ID_REUSED',
  'INVALID_REQUEST',
  'PAYLOAD_TOO_LARGE',
])
/** What says nothing about a read but that this try did not answer it. */
const PASSING: ReadonlySet<ErrorCode> = new Set(['TIMEOUT', 'UNAVAILABLE', 'BUSY'])

/** The JSON of a reply; undefined where it is none. */
const parse = (body: Uint8Array): unknown => {
  const read = readJson(body)
  return E.isRight(read) ? read.right : undefined
}

const isCode = (code: string): code is ErrorCode => Object.hasOwn(CATALOGUE, code)

/** All headers of a reply by name; of several values the first. */
const headersOf = ({ headers }: Msg): Record<string, string> =>
  Object.fromEntries((headers?.keys() ?? []).map(name => [name, headers?.get(name) ?? '']))

const problemOf = (subject: string, code: string, body: unknown): Problem => {
  if (!isCode(code)) {
    const cause = new Error(`${subject} answered with the unknown error ${JSON.stringify(code)}`)
    return problem('INTERNAL_ERROR', undefined, { cause })
  }
  const error = isJsonObject(body) && isJsonObject(body.error) ? body.error : {}
  // `description` where a subject answers as JetStream does
  const { message = error.description } = error
  return problem(code, typeof message === 'string' ? message : undefined, { fields: error })
}

/** A reply of the service as an answer or a problem. */
const read = ({ subject, check }: Question, msg: Msg): Either<Problem, Reply> => {
  const headers = headersOf(msg)
  const body = parse(msg.data)
  const code = headers['Nats-Service-Error']
  if (code !== undefined) return E.left(problemOf(subject, code, body))
  const checked = check(body)
  if (E.isRight(checked)) return E.right({ body: checked.right, headers })
  const cause = new Error(`${subject} replied with something else than it promises: ${checked.left}`)
  return E.left(problem('INTERNAL_ERROR', undefined, { cause }))
}

/** Why a request got no reply. */
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

const tryOnce = async (
  nc: NatsConnection,
  question: Question,
  timeout_ms: number,
): Promise<Either<Problem, Reply>> => {
  const { subject, body, effect } = question
  try {
    return read(question, await nc.request(subject, body, { timeout: timeout_ms }))
  } catch (cause) {
    return E.left(unanswered(subject, effect, cause))
  }
}

/** Codes after which nobody knows what the try did. */
const OPEN: ReadonlySet<ErrorCode> = new Set(['OUTCOME_UNKNOWN', 'TIMEOUT'])

/** Whether the try was turned away before anything was done: no place, or nobody there. */
const isRefusal = ({ code, cause }: Problem): boolean => code === 'BUSY' || isNoResponders(cause)

/** What has become of a question so far; `open`: nobody knows what some try did. */
type SoFar = { readonly found: Problem; readonly open: boolean }

/** While a try is open, a later one that failed speaks of itself only, unless it is what any try would be told. */
const isUndecided = ({ effect }: Question, { found, open }: SoFar): boolean =>
  open && (effect === 'write' ? !SETTLED.has(found.code) : PASSING.has(found.code))

/** The last word. A write is named in it, and while it is open nothing else can be said of it. */
const verdict = (question: Question, soFar: SoFar): Problem => {
  const { effect, transaction_id } = question
  const { fields, cause, ...found } = soFar.found
  const undecided = isUndecided(question, soFar)
  if (effect === 'read') return undecided ? problem('TIMEOUT', undefined, { cause }) : soFar.found
  const named = { fields: { ...fields, ...(transaction_id === undefined ? {} : { transaction_id }) }, cause }
  return undecided ? problem('OUTCOME_UNKNOWN', undefined, named) : { ...found, ...named }
}

/** A pause, but never beyond the caller's time. */
const waitBefore = (attempt: number, left_ms: number): Promise<void> =>
  pause(BETWEEN_TRIES, attempt, AbortSignal.timeout(Math.max(1, Math.floor(left_ms))))

/** The reply, or the problem that is left when the time is over or trying again cannot help. */
export const ask =
  (nc: NatsConnection, question: Question): TaskEither<Problem, Reply> =>
  async () => {
    const until_ms = performance.now() + question.timeout_ms
    const left_ms = (): number => until_ms - performance.now()
    const refusals = createRefusals()
    let [open, tries] = [false, 0]

    /** Waits before another try where one can help and there is time for it. */
    const mayTryAgain = async (found: Problem): Promise<boolean> => {
      if (!open && isRefusal(found)) return refusals.mayTryAgain(left_ms())
      if (!isUndecided(question, { found, open }) || left_ms() < 1) return false
      await waitBefore(tries, left_ms())
      return left_ms() >= 1
    }

    for (;;) {
      const try_ms = Math.ceil(Math.max(left_ms() / 2, Math.min(left_ms(), TRY_MS_MIN), 1))
      const answer = await tryOnce(nc, question, try_ms)
      if (E.isRight(answer)) return answer
      open ||= OPEN.has(answer.left.code)
      // tries that were turned away at once are counted by themselves
      if (open) tries += 1
      if (!(await mayTryAgain(answer.left))) return E.left(verdict(question, { found: answer.left, open }))
      resubmitted.inc({ subject: question.subject })
    }
  }
