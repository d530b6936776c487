/**
 * Pursues a write whose outcome is unknown: sends it again under the same id or asks `customer.transaction`, each time over a
 * connection chosen at random, until an answer is final.
 */

import { type BackOff, pause } from '../../back-off.js'
import { isSettled, verdictOf } from './answers.js'
import type { Ask, ClientConnection } from './ask.js'
import type { Repeatable } from './memory.js'
import type { Random } from './random.js'

const BACK_OFF: BackOff = { first_ms: 50, max_ms: 1_000 }

export type Pursuit = {
  readonly ask: Ask
  readonly lines: readonly ClientConnection[]
  readonly random: Random
  readonly tries_max: number
  readonly signal: AbortSignal
}

/** Asks for the outcome of a command; returns whether the answer is final. */
const askFate = async ({ ask, lines, random }: Pursuit, transaction_id: string): Promise<boolean> => {
  const body = JSON.stringify({ transaction_id })
  const question = { kind: 'transaction', subject: 'customer.transaction', body } as const
  return isSettled(await ask(random.pick(lines), question))
}

/** Pursues one write until its outcome is known, `tries_max` is reached or `signal` aborts. Returns whether it is known. */
export const pursue = async (
  pursuit: Pursuit,
  { question, transaction_id }: Repeatable,
): Promise<boolean> => {
  const { ask, lines, random, tries_max, signal } = pursuit
  for (let attempt = 1; attempt <= tries_max && !signal.aborted; attempt += 1) {
    const is_settled =
      transaction_id !== undefined && question.kind !== 'batch' && random.chance(0.5)
        ? await askFate(pursuit, transaction_id)
        : verdictOf(await ask(random.pick(lines), question)) === 'done'
    if (is_settled) return true
    await pause(BACK_OFF, attempt, signal)
  }
  return false
}
