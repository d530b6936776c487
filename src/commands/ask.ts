/**
 * What waits in the queue: commands that are decided together. One that came alone is a group of one; the commands of a
 * batch in the mode `all` are one group, which is stored whole or not at all.
 */

import type { ClientId } from '../ledger/client-id.js'
import { type Command, customersOfCommand } from '../ledger/command.js'
import { type Failure, failed, type Outcome, type Reply, replayed } from './outcome.js'

/** One reply for each command of the group, or why none of them was carried out. */
export type AskResult =
  | { readonly tag: 'done'; readonly replies: readonly Reply[]; readonly replayed: boolean }
  | Failure

export type Ask = {
  readonly commands: readonly Command[]
  /** Whether the caller brought the transaction ids: then they may be known already. */
  readonly given: boolean
  /** Called once, with the result. */
  done: (result: AskResult) => void
  /** Those that have no result yet; this one is among them until it has. */
  readonly open: { readonly remove: (ask: Ask) => void }
  /** On the clock of `performance.now()`. */
  readonly opened_ms: number
  /** Batches in which others were faster. */
  tries: number
  /** A batch with it went out, and nobody has said yet that it is not stored. */
  may_be_stored: boolean
  /** The stream refused a batch with it for an id that it knows, and it was not found out yet whose. */
  id_taken: boolean
  answered: boolean
}

/** Gives an ask its result; a later one is dropped, since the caller has gone. */
export const answer = (ask: Ask, result: AskResult): void => {
  if (ask.answered) return
  ask.answered = true
  ask.open.remove(ask)
  ask.done(result)
}

/** The transaction id that a failure of the whole ask speaks of; a group has none of its own. */
const idOf = ({ commands }: Ask): { transaction_id?: string } => {
  const [first] = commands
  return first === undefined || commands.length > 1 ? {} : { transaction_id: first.transaction_id }
}

/** The same failure for every one of `asks`; but nobody is told that nothing is stored while that is not known. */
export const failAll = (asks: readonly Ask[], code: Failure['code'], cause?: unknown): void => {
  for (const ask of asks) {
    const isOpen = ask.may_be_stored || ask.id_taken
    answer(ask, failed(isOpen ? 'OUTCOME_UNKNOWN' : code, idOf(ask), cause))
  }
}

/** Every customer that an ask touches; one may be named twice. */
export const customersOfAsk = ({ commands }: Ask): readonly ClientId[] => {
  const [first] = commands
  if (first !== undefined && commands.length === 1) return customersOfCommand(first)
  return commands.flatMap(command => [...customersOfCommand(command)])
}

export const customersOf = (asks: readonly Ask[]): Set<ClientId> => {
  const ids = new Set<ClientId>()
  for (const ask of asks) for (const id of customersOfAsk(ask)) ids.add(id)
  return ids
}

/** Every transaction id of `asks`. */
export const transactionsOf = (asks: readonly Ask[]): Set<string> => {
  const ids = new Set<string>()
  for (const { commands } of asks) for (const { transaction_id } of commands) ids.add(transaction_id)
  return ids
}

/** The result of an ask of one command, as the outcome of that command. */
export const outcomeOfOne = (result: AskResult): Outcome => {
  if (result.tag === 'failed') return result
  const [reply] = result.replies
  if (reply === undefined) throw new Error('an ask without a command has no outcome')
  return { tag: 'done', reply, replayed: result.replayed }
}

/** Several outcomes as the result of their group: the first failure is the group's, and says where it is. */
export const resultOf = (outcomes: readonly (Outcome | undefined)[]): AskResult => {
  const replies: Reply[] = []
  let isReplay = true
  for (const [index, outcome] of outcomes.entries()) {
    if (outcome === undefined) throw new Error('a group has no result while one of its commands has none')
    if (outcome.tag === 'failed') {
      return outcomes.length === 1 ? outcome : { ...outcome, details: { ...outcome.details, index } }
    }
    replies.push(outcome.reply)
    isReplay &&= outcome.replayed
  }
  return { tag: 'done', replies, replayed: isReplay }
}

/** What somebody who asks again gets. That an id was reused is said to whoever reuses it: that is no repetition. */
export const replayedOutcome = (outcome: Outcome): Outcome =>
  outcome.tag === 'failed' && outcome.code === 'TRANSACTION_ID_REUSED' ? outcome : replayed(outcome)
