/**
 * Finds the original result of commands whose transaction ids are stored already, to answer a repetition with it.
 */

import type { Command } from '../../ledger/command.js'
import { inParallel } from '../../parallel.js'
import type { CommandDeps } from '../deps.js'
import { type GroupResult, replayedOutcome, resultOf } from '../group-commit/group.js'
import { failed, type Outcome } from '../outcome.js'
import { answerFor, type StoredTransaction } from './stored-transaction.js'

const ANSWERS_MAX = 8

/** Gives the stored outcome of each command as the answer to a repetition; undefined for a command that is not stored. */
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
 * The result of a group some of whose commands are stored. If every command is stored, it is the original result. If only
 * some are, they came in other requests, because a group is stored as a whole; then the group is refused. Undefined when no
 * command is stored.
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
