/**
 * A group: commands that are decided together and stored together or not at all. A command that came alone is a group of
 * one; the commands of a `customer.batch` in the mode `all` are one group.
 *
 * `GroupState` lists every place where a group can be. Only the coordinator changes it.
 */

import type { BackOff } from '../../back-off.js'
import type { AccountId } from '../../ledger/account-id.js'
import { type Command, customersOfCommand } from '../../ledger/command.js'
import { type CommandFailure, type CommandReply, failed, type Outcome, replayed } from '../outcome.js'

/** One reply for each command of the group, or the reason why no command of it was carried out. */
export type GroupResult =
  | { readonly tag: 'done'; readonly replies: readonly CommandReply[]; readonly replayed: boolean }
  | CommandFailure

export type GroupState =
  /** The transaction ids that its caller brought are looked up. */
  | 'look-up'
  /** It waits for a round. */
  | 'queue'
  /** It waits for the next round of a customer whom other writers keep changing. */
  | 'lane'
  /** A round decides on it. No batch with it is on its way to the stream. */
  | 'round'
  /** A batch with it was sent: it is stored, or may be. */
  | 'sent'
  /** Something that would hold up other groups is done for it beside the rounds. */
  | 'aside'
  /** Its caller has the result. No other state follows. */
  | 'answered'

/** Where a group came from, which says whether another instance may store its commands as well. */
export type GroupOrigin =
  /** From a caller: no other instance has its commands. */
  | 'caller'
  /** From another instance, which decides them itself when it hears nothing from this one any more. */
  | 'forwarded'
  /** From a caller, but it was forwarded, and the other instance was not heard any more: it may have stored them, or may yet. */
  | 'taken back'

export type Group = {
  readonly commands: readonly Command[]
  readonly origin: GroupOrigin
  /** The caller brought the transaction ids, so they may be stored already. */
  readonly has_given_ids: boolean
  /** The time of its arrival, on the clock of `performance.now()`. */
  readonly opened_ms: number
  /** Is called once, with the result. */
  readonly done: (result: GroupResult) => void
  state: GroupState
  /** The number of rounds that failed because another writer was faster. */
  tries: number
  /** The stream refused a batch with this group because it knows an id of the batch, and whose id that is was not found yet. */
  may_have_known_id: boolean
}

/** A group that has just come. `done` is called once. */
export const newGroup = (
  commands: readonly Command[],
  has_given_ids: boolean,
  origin: GroupOrigin,
  done: Group['done'],
): Group => ({
  commands,
  origin,
  has_given_ids,
  opened_ms: performance.now(),
  done,
  state: 'look-up',
  tries: 0,
  may_have_known_id: false,
})

/** A group and the result that it is to be answered with. */
export type GroupAnswer = readonly [group: Group, result: GroupResult]

/** The number of tries after which a group that keeps losing against other writers is given up. */
export const TRIES_MAX = 10

/** The pause before another try of a batch that met a write in flight, or a copy that cannot be seen yet. */
export const TRY_PAUSE: BackOff = { first_ms: 5, max_ms: 100 }

/** The transaction id that a failure of the whole group speaks of; a group of several commands has none of its own. */
const idOf = ({ commands }: Group): { transaction_id?: string } => {
  const [first] = commands
  return first === undefined || commands.length > 1 ? {} : { transaction_id: first.transaction_id }
}

/**
 * The result of a group that fails as a whole. While the group may be stored the code is `OUTCOME_UNKNOWN`, whatever went
 * wrong: a caller is told that nothing was stored only when that is certain.
 */
export const failureOf = (group: Group, code: CommandFailure['code'], cause?: unknown): CommandFailure => {
  const may_be_stored = group.state === 'sent' || group.may_have_known_id || group.origin === 'taken back'
  return failed(may_be_stored ? 'OUTCOME_UNKNOWN' : code, idOf(group), cause)
}

/**
 * Whether the ids of a group may be stored already: its caller brought them, another instance has its commands too, or one of
 * them is the next number of a transaction's reversals, which others may take.
 */
export const hasSharedIds = ({ commands, has_given_ids, origin }: Group): boolean =>
  has_given_ids || origin !== 'caller' || commands.some(({ type }) => type === 'reversal')

export const failAll = (
  groups: readonly Group[],
  code: CommandFailure['code'],
  cause?: unknown,
): GroupAnswer[] => groups.map(group => [group, failureOf(group, code, cause)])

/** Groups that lost against another writer: those that may try again, and the answers of those that lost too often. */
export type RetriedGroups = { readonly again: readonly Group[]; readonly answers: readonly GroupAnswer[] }

/** Counts one more try of each group. A group beyond `TRIES_MAX` is answered `CONFLICT`: nothing of it is stored. */
export const retry = (groups: readonly Group[]): RetriedGroups => {
  for (const group of groups) group.tries += 1
  return {
    again: groups.filter(({ tries }) => tries <= TRIES_MAX),
    answers: failAll(
      groups.filter(({ tries }) => tries > TRIES_MAX),
      'CONFLICT',
    ),
  }
}

/** Every customer of a group; a customer of several commands is named several times. */
export const customersOfGroup = ({ commands }: Group): readonly AccountId[] => {
  const [first] = commands
  if (first !== undefined && commands.length === 1) return customersOfCommand(first)
  return commands.flatMap(command => [...customersOfCommand(command)])
}

export const customersOf = (groups: Iterable<Group>): Set<AccountId> => {
  const ids = new Set<AccountId>()
  for (const group of groups) for (const id of customersOfGroup(group)) ids.add(id)
  return ids
}

/** The number of commands of all `groups`. */
export const countCommands = (groups: readonly Group[]): number => {
  let commands = 0
  for (const group of groups) commands += group.commands.length
  return commands
}

/** Two halves, each for a round of its own: what one group of them causes is then found in few rounds. */
export const halvesOf = (groups: readonly Group[]): Group[][] => {
  const half = Math.ceil(groups.length / 2)
  return [groups.slice(0, half), groups.slice(half)].filter(({ length }) => length > 0)
}

/** The result of a group of one command, as the outcome of that command. */
export const outcomeOfOne = (result: GroupResult): Outcome => {
  if (result.tag === 'failed') return result
  const [reply] = result.replies
  if (reply === undefined) throw new Error('a group without a command has no outcome')
  return { tag: 'done', reply, replayed: result.replayed }
}

/** The result of a group as outcomes: one for each command, or the one failure of all. */
export const outcomesOf = (result: GroupResult): readonly Outcome[] =>
  result.tag === 'failed'
    ? [result]
    : result.replies.map(reply => ({ tag: 'done', reply, replayed: result.replayed }))

/** The outcomes of all commands of a group as its result: the first failure is the group's, and says its index. */
export const resultOf = (outcomes: readonly (Outcome | undefined)[]): GroupResult => {
  const replies: CommandReply[] = []
  let is_replay = true
  for (const [index, outcome] of outcomes.entries()) {
    if (outcome === undefined) throw new Error('a group has no result while one of its commands has none')
    if (outcome.tag === 'failed') {
      return outcomes.length === 1 ? outcome : { ...outcome, details: { ...outcome.details, index } }
    }
    replies.push(outcome.reply)
    is_replay &&= outcome.replayed
  }
  return { tag: 'done', replies, replayed: is_replay }
}

/** The outcome for a caller who sends a command again. `TRANSACTION_ID_REUSED` is no repetition, and stays as it is. */
export const replayedOutcome = (outcome: Outcome): Outcome =>
  outcome.tag === 'failed' && outcome.code === 'TRANSACTION_ID_REUSED' ? outcome : replayed(outcome)

/** Waiting, looking up, publishing and asking for the outcome have one `timeout_ms` each; all of it together has this. */
const BOUND_TIMEOUTS = 5

/** The longest time that a caller waits for an answer, whatever happens, in milliseconds. */
export const answerBound_ms = (timeout_ms: number): number => BOUND_TIMEOUTS * timeout_ms

export type OpenGroups = {
  /** Adds a group, and returns it. */
  readonly add: (group: Group) => Group
  /** Removes an open group; does nothing for another one. */
  readonly remove: (group: Group) => void
  /** The number of commands in all open groups. */
  readonly commands: () => number
  /** Resolves when no group is open. */
  readonly none: () => Promise<void>
}

/** Overdue groups are looked for so many times in a bound, so an answer is late by a quarter of it at the most. */
const CHECKS = 4

/** Groups have to be added in the order of their `opened_ms`. `onOverdue` is called with each that is open after `bound_ms`. */
export const createOpenGroups = (bound_ms: number, onOverdue: (group: Group) => void): OpenGroups => {
  const open = new Set<Group>()
  let commands = 0
  let is_watching = false
  let waiting: (() => void)[] = []

  const check = (): void => {
    is_watching = false
    const now_ms = performance.now()
    for (const group of open) {
      if (now_ms - group.opened_ms < bound_ms) break
      onOverdue(group)
    }
    if (open.size > 0) watch()
  }

  const watch = (): void => {
    if (is_watching) return
    is_watching = true
    setTimeout(check, bound_ms / CHECKS).unref()
  }

  return {
    add: group => {
      open.add(group)
      commands += group.commands.length
      watch()
      return group
    },
    remove: group => {
      if (!open.delete(group)) return
      commands -= group.commands.length
      if (open.size > 0) return
      for (const resolve of waiting) resolve()
      waiting = []
    },
    commands: () => commands,
    none: () =>
      new Promise(resolve => {
        if (open.size === 0) resolve()
        else waiting.push(resolve)
      }),
  }
}
