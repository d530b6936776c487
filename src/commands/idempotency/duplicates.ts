/**
 * Finds out what the stream means when it refuses a batch because it knows a message id of it. The server does not say which
 * id, so the ids of all suspected groups are looked up.
 */

import { pause } from '../../back-off.js'
import type { AccountId } from '../../ledger/account-id.js'
import { type Command, creditLegId, customersOfCommand, hasTwoLegs } from '../../ledger/command.js'
import { inParallel } from '../../parallel.js'
import type { CommandDeps } from '../deps.js'
import {
  failureOf,
  type Group,
  type GroupAnswer,
  halvesOf,
  TRIES_MAX,
  TRY_PAUSE,
} from '../group-commit/group.js'
import type { DuplicatesEnd } from '../group-commit/ports.js'
import { failed } from '../outcome.js'
import { originalResult, originalsOf } from './original.js'
import type { StoredTransaction } from './stored-transaction.js'
import { type FindTransaction, findInWindow, type Holder } from './window.js'

const LOOK_UPS_MAX = 32
const never = new AbortController().signal

/** The message ids that a command takes. */
const messageIdsOf = (command: Command): string[] => {
  const { transaction_id } = command
  return hasTwoLegs(command) ? [transaction_id, creditLegId(transaction_id)] : [transaction_id]
}

/** Some of the groups are answered, the others are still to be explained. */
type Sorted = { readonly answers: readonly GroupAnswer[]; readonly rest: readonly Group[] }

/** Answers the groups that need an id of `holders`: an event that carries out no command has it. */
const answerTaken = (groups: readonly Group[], holders: ReadonlyMap<string, Holder>): Sorted => {
  const answers: GroupAnswer[] = []
  const rest: Group[] = []
  for (const group of groups) {
    const index = group.commands.findIndex(command => messageIdsOf(command).some(id => holders.has(id)))
    const command = group.commands[index]
    if (command === undefined) {
      rest.push(group)
      continue
    }
    const details = { transaction_id: command.transaction_id, field: 'transaction_id' }
    const is_single = group.commands.length === 1
    answers.push([group, failed('TRANSACTION_ID_REUSED', is_single ? details : { ...details, index })])
  }
  return { answers, rest }
}

/** The stream refuses a group that stands alone, for an event that cannot be seen: a copy of it may be on its way. */
const waitForCopy = async (group: Group): Promise<DuplicatesEnd> => {
  group.tries += 1
  if (group.tries > TRIES_MAX) return { answers: [[group, failureOf(group, 'OUTCOME_UNKNOWN')]], rounds: [] }
  await pause(TRY_PAUSE, group.tries, never)
  return { answers: [], rounds: [[group]] }
}

export const createDuplicatesFinder = (
  deps: CommandDeps,
  find: FindTransaction,
): ((groups: readonly Group[]) => Promise<DuplicatesEnd>) => {
  /** What the customers' histories or the journal hold under the ids of `groups` now. */
  const findStored = async (groups: readonly Group[]): Promise<Map<string, StoredTransaction>> => {
    const commands = groups.flatMap(group => [...group.commands])
    const found = await inParallel(
      LOOK_UPS_MAX,
      commands,
      async (command): Promise<[string, StoredTransaction][]> => {
        const id: AccountId = customersOfCommand(command)[0]
        const stored = await find(command.transaction_id, id, true)
        return stored === undefined ? [] : [[command.transaction_id, stored]]
      },
    )
    return new Map(found.flat())
  }

  /** Answers the groups of which something is stored: then a caller must not be told that nothing is. */
  const answerStored = async (
    groups: readonly Group[],
    stored: ReadonlyMap<string, StoredTransaction>,
  ): Promise<Sorted> => {
    const isStored = ({ commands }: Group): boolean =>
      commands.some(({ transaction_id }) => stored.has(transaction_id))
    const answers = await inParallel(
      LOOK_UPS_MAX,
      groups.filter(isStored),
      async (group): Promise<GroupAnswer> => {
        try {
          const originals = await originalsOf(deps, group.commands, id => stored.get(id))
          const result = originalResult(group.commands, originals)
          if (result !== undefined) return [group, result]
          throw new Error('nothing of the group is stored')
        } catch (cause) {
          return [group, failureOf(group, 'OUTCOME_UNKNOWN', cause)]
        }
      },
    )
    return { answers, rest: groups.filter(group => !isStored(group)) }
  }

  return async groups => {
    const stored = await findStored(groups)
    const isWhole = ({ commands }: Group): boolean => commands.every(c => stored.has(c.transaction_id))
    const early = await answerStored(groups.filter(isWhole), stored)
    const open = groups.filter(group => !isWhole(group))
    if (early.answers.length > 0 || open.length === 0) return { answers: early.answers, rounds: [open] }
    const holders = await findInWindow(
      deps,
      new Set(open.flatMap(({ commands }) => commands.flatMap(messageIdsOf))),
    )
    for (const { transaction_id } of open.flatMap(({ commands }) => commands)) {
      const holder = holders.get(transaction_id)?.stored
      if (holder !== undefined) stored.set(transaction_id, holder)
    }
    const known = await answerStored(open, stored)
    const taken = answerTaken(known.rest, holders)
    const answers = [...known.answers, ...taken.answers]
    if (answers.length > 0) return { answers, rounds: [[...taken.rest]] }
    const [only, ...others] = taken.rest
    if (only !== undefined && others.length === 0) return waitForCopy(only)
    return { answers: [], rounds: halvesOf(taken.rest) }
  }
}
