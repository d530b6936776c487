/**
 * Sends the writes of the command line. Every write has transaction ids before it is sent, so that it can be sent again
 * until its outcome is known and still has one effect.
 */

import type { NatsConnection } from 'nats'
import { E, type Either } from '../fp.js'
import { ask } from '../gateway/ask.js'
import { type Problem, problemBody } from '../gateway/problem.js'
import type { Fields } from '../gateway/route.js'
import { Failure, NO_ANSWER_CODE } from '../process/failure.js'
import { print } from '../process/output.js'
import { withNats } from './command.js'

export type Write = {
  readonly subject: string
  /** The body of the request, which contains the transaction ids. */
  readonly body: Fields
  /** The id of the one transaction; undefined for a batch, whose commands have an id each. */
  readonly transaction_id?: string
  /** A sentence that tells a person what to do when the outcome is unknown. */
  readonly advice: string
  readonly timeout_ms: number
}

/** The share of the whole time for sending; the rest is for asking for the outcome of the transaction. */
const SENDING_SHARE = 0.8

/** Accepts every JSON object: the caller reads the fields that it needs. */
export const anyObject = (value: unknown): Either<string, Fields> =>
  typeof value === 'object' && value !== null ? E.right(value as Fields) : E.left('no JSON object')

/** The codes that say that nobody decided about the write. */
const NOBODY_THERE: ReadonlySet<string> = new Set(['UNAVAILABLE', 'TIMEOUT'])

/** Prints the service's error, and returns the `Failure` for it. */
export const reportProblem = (problem: Problem): Failure => {
  const { type: _, title: __, status, code, detail, ...fields } = problemBody(problem)
  print(JSON.stringify({ error: { code, message: detail, ...fields } }))
  return new Failure(`service error ${status}: ${code}, ${detail}`, {
    cause: problem.cause,
    ...(NOBODY_THERE.has(problem.code) ? { exit_code: NO_ANSWER_CODE } : {}),
  })
}

/** Asks the ledger for a transaction whose answer did not come; undefined when there is no answer. */
const fateOf = async (
  nc: NatsConnection,
  transaction_id: string,
  timeout_ms: number,
): Promise<Fields | undefined> => {
  const body = JSON.stringify({ transaction_id })
  const question = { subject: 'customer.transaction', body, effect: 'read', check: anyObject } as const
  const answer = await ask({ nc }, { ...question, timeout_ms })()
  return E.isRight(answer) ? answer.right.body : undefined
}

const unknownOutcome = ({ transaction_id, advice }: Write, cause: unknown): Failure => {
  const which = transaction_id === undefined ? '' : ` of transaction ${transaction_id}`
  const message = `the outcome${which} is not known: it may have been carried out. ${advice}`
  return new Failure(message, { exit_code: NO_ANSWER_CODE, cause })
}

/**
 * The reply of the transaction, from the answer of `customer.transaction`. Throws `Failure` when it was declined or
 * is unknown.
 */
const replyFrom = (write: Write, fate: Fields | undefined, cause: unknown): Fields => {
  if (fate?.status === 'committed') return fate.reply as Fields
  if (fate?.status === 'declined') {
    print(JSON.stringify({ error: fate.error }))
    throw new Failure(`the transaction ${write.transaction_id} was declined`)
  }
  throw unknownOutcome(write, cause)
}

/**
 * Sends a write, repeats it under the same ids while its outcome is not known, and resolves with the reply. A refusal
 * of the service is printed and thrown as a `Failure`. An outcome that is still unknown at the end of the time is a
 * `Failure` with an exit code of its own.
 */
export const sendWrite = (write: Write): Promise<Fields> =>
  withNats(async ({ nc }) => {
    const { subject, body, transaction_id, timeout_ms } = write
    const until_ms = performance.now() + timeout_ms
    const ids = transaction_id === undefined ? {} : { transaction_id }
    const question = {
      subject,
      body: JSON.stringify(body),
      effect: 'write',
      check: anyObject,
      is_alone: true,
      ...ids,
    } as const
    const sending_ms = Math.max(1, Math.floor(timeout_ms * SENDING_SHARE))
    const answer = await ask({ nc }, { ...question, timeout_ms: sending_ms })()
    if (E.isRight(answer)) return answer.right.body
    if (answer.left.code === 'FORBIDDEN')
      throw new Failure(`${answer.left.detail}`, { cause: answer.left.cause })
    if (answer.left.code !== 'OUTCOME_UNKNOWN') throw reportProblem(answer.left)
    const { cause } = answer.left
    const left_ms = Math.max(1, Math.ceil(until_ms - performance.now()))
    if (transaction_id === undefined) throw unknownOutcome(write, cause)
    return replyFrom(write, await fateOf(nc, transaction_id, left_ms), cause)
  })
