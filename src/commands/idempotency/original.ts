/**
 * The original result of commands whose transaction ids are stored already.
 */

import type { Command } from '../../ledger/command.js'
import { inParallel } from '../../parallel.js'
import type { CommandDeps } from '../deps.js'
import { type GroupResult, replayedOutcome, resultOf } from '../group-commit/group.js'
import { failed, type Outcome } from '../outcome.js'
import { answerFor, type StoredTransaction } from './stored-transaction.js'

const ANSWERS_MAX = 8

/** What is known of each command: its outcome, for somebody who asks again; undefined where nothing is. */
export const originalsOf = (
  deps: CommandDeps,
  commands: readonly Command[],
  knownOf: (transaction_id: string) => StoredTransaction | undefined,
): Promise<(Outcome | undefined)[]> =>
  inParallel(ANSWERS_MAX, commands, async command => {
    const known = knownOf(command.transaction_id)
    return known === undefined ? undefined : replayedOutcome(await answerFor(deps, command, known))
  })

/**
 * The result of a group of which something is known: the original one, if all of it is; else nothing of it may be stored
 * any more, since a group is stored whole: what is known came from other requests. `undefined` when nothing is known.
 */
export const originalResult = (
  commands: readonly Command[],
  outcomes: readonly (Outcome | undefined)[],
): GroupResult | undefined => {
  const known = outcomes.filter(outcome => outcome !== undefined)
  if (known.length === 0) return undefined
  if (known.length === outcomes.length) return resultOf(known)
  const refused = outcomes.findIndex(outcome => outcome?.tag === 'failed')
  const index = refused === -1 ? outcomes.findIndex(outcome => outcome !== undefined) : refused
  const outcome = outcomes[index]
  if (outcome?.tag === 'failed') return { ...outcome, details: { ...outcome.details, index } }
  const { transaction_id } = commands[index] ?? {}
  return failed('TRANSACTION_ID_REUSED', { transaction_id, field: 'mode', index })
}
