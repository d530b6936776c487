/**
 * Sends the questions of the command line to the service, and decodes the answers.
 */

import { E, type t } from '../fp.js'
import { ask } from '../gateway/ask.js'
import type { Fields } from '../gateway/route.js'
import { describeErrors } from '../ledger/codec.js'
import { Failure } from '../process/failure.js'
import type { Connected } from './command.js'
import { anyObject, reportProblem } from './write.js'

/** How long an answer is waited for unless stated. */
export const READ_MS = 5_000

/** A question, and the codec of its answer. */
type Read<A> = {
  readonly subject: string
  readonly fields: Readonly<Record<string, unknown>>
  readonly codec: t.Decoder<unknown, A>
  readonly timeout_ms: number
}

/** The decoded fields of an answer, and all of them as they came. */
type Reply<A> = { readonly reply: A; readonly body: Fields }

/** Asks until there is an answer or the time is over. Throws `Failure`; an error of the service is printed before. */
export const readLedger = async <A>(
  { nc }: Pick<Connected, 'nc'>,
  { subject, fields, codec, timeout_ms }: Read<A>,
): Promise<Reply<A>> => {
  const question = { subject, body: JSON.stringify(fields), effect: 'read', check: anyObject } as const
  const answer = await ask({ nc }, { ...question, timeout_ms })()
  if (E.isLeft(answer)) throw reportProblem(answer.left)
  const { body } = answer.right
  const reply = codec.decode(body)
  if (E.isLeft(reply)) throw new Failure(`the answer is not as it should be: ${describeErrors(reply.left)}`)
  return { reply: reply.right, body }
}
