/**
 * How the command line writes: under transaction ids that are made before anything is sent, so that a write can be sent
 * again until its outcome is known and still has one effect.
 */

import { E, type Either } from '../fp.js'
import { ask } from '../gateway/ask.js'
import { type Problem, problemBody } from '../gateway/problem.js'
import type { Fields } from '../gateway/route.js'
import { Failure, OUTCOME_UNKNOWN_CODE } from '../process/failure.js'
import { print } from '../process/output.js'
import { withNats } from './command.js'

export type Write = {
  readonly subject: string
  /** With the transaction ids in it. */
  readonly body: Fields
  /** The id of the one transaction; undefined for a batch, whose commands have an id each. */
  readonly transaction_id?: string
  /** What a person does when the outcome is unknown. */
  readonly advice: string
  readonly timeout_ms: number
}

export type Reply = Fields

/** Of the whole time, so much is for sending; the rest is for asking what became of it. */
const SENDING_SHARE = 0.8

const anyObject = (value: unknown): Either<string, Fields> =>
  typeof value === 'object' && value !== null ? E.right(value as Fields) : E.left('no JSON object')

const failureOf = (found: Problem): Failure => {
  const { type: _, title: __, status, code, detail, ...fields } = problemBody(found)
  print(JSON.stringify({ error: { code, message: detail, ...fields } }))
  return new Failure(`service error ${status}: ${code}, ${detail}`, { cause: found.cause })
}

/** What the ledger says of a transaction whose answer did not come. */
const fateOf = async (
  nc: Parameters<typeof ask>[0],
  transaction_id: string,
  timeout_ms: number,
): Promise<Fields | undefined> => {
  const body = JSON.stringify({ transaction_id })
  const question = { subject: 'customer.transaction', body, effect: 'read', check: anyObject } as const
  const answer = await ask(nc, { ...question, timeout_ms })()
  return E.isRight(answer) ? answer.right.body : undefined
}

const unknown = ({ transaction_id, advice }: Write, cause: unknown): Failure => {
  const which = transaction_id === undefined ? '' : ` of transaction ${transaction_id}`
  const message = `the outcome${which} is not known: it may have been carried out. ${advice}`
  return new Failure(message, { exit_code: OUTCOME_UNKNOWN_CODE, cause })
}

/** The outcome as `customer.transaction` tells it; an unknown one is still a failure. */
const settled = (write: Write, fate: Fields | undefined, cause: unknown): Reply => {
  if (fate?.status === 'committed') return fate.reply as Reply
  if (fate?.status === 'declined') {
    print(JSON.stringify({ error: fate.error }))
    throw new Failure(`the transaction ${write.transaction_id} was declined`)
  }
  throw unknown(write, cause)
}

/**
 * Sends a write, again under the same ids while its outcome is not known, and gives the reply. What the service refuses
 * is printed, and is a `Failure`; so is an outcome that is not known when the time is over, with an exit code of its own.
 */
export const sendWrite = (write: Write): Promise<Reply> =>
  withNats(async ({ nc }) => {
    const { subject, body, transaction_id, timeout_ms } = write
    const until_ms = performance.now() + timeout_ms
    const ids = transaction_id === undefined ? {} : { transaction_id }
    const question = {
      subject,
      body: JSON.stringify(body),
      effect: 'write',
      check: anyObject,
      ...ids,
    } as const
    const sending_ms = Math.max(1, Math.floor(timeout_ms * SENDING_SHARE))
    const answer = await ask(nc, { ...question, timeout_ms: sending_ms })()
    if (E.isRight(answer)) return answer.right.body
    if (answer.left.code !== 'OUTCOME_UNKNOWN') throw failureOf(answer.left)
    const { cause } = answer.left
    const left_ms = Math.max(1, Math.ceil(until_ms - performance.now()))
    if (transaction_id === undefined) throw unknown(write, cause)
    return settled(write, await fateOf(nc, transaction_id, left_ms), cause)
  })
