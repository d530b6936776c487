/**
 * Retries a dead letter, and waits for what became of the event that was published anew.
 */

import { type Actor, retryDeadLetter } from '../dead-letters/actions.js'
import { findDeadLetter } from '../dead-letters/letters.js'
import { unwrap } from '../fp.js'
import { waitCaughtUp } from '../projections/caught-up.js'
import type { OperationsDeps } from './deps.js'

/** `unknown`: the projection did not come to the event in time. */
type Became = 'applied' | 'refused' | 'unknown'

export type Retried = {
  readonly transaction_id: string
  readonly seq: number
  readonly became: Became
  /** Why the event was refused again. */
  readonly reason?: string
}

const FOLD_MS_MAX = 4_000

/** Retries the letter of the event at `seq`, with a corrected `body` if one is given. Throws `Failed` with the error of the action. */
export const retryAndWait = async (
  { nc, jsm }: OperationsDeps,
  seq: number,
  body: string | undefined,
  actor: Actor,
): Promise<Retried> => {
  const retried = unwrap(await retryDeadLetter(nc, seq, { body }, actor)())
  const never = new AbortController().signal
  const behind = await waitCaughtUp({ nc, jsm }, 'ledger', FOLD_MS_MAX, never, () => undefined)
  if (behind > 0) return { ...retried, became: 'unknown' }
  const letter = unwrap(await findDeadLetter(nc, retried.seq)())
  return letter === undefined
    ? { ...retried, became: 'applied' }
    : { ...retried, became: 'refused', reason: `${letter.reason}: ${letter.detail}` }
}
