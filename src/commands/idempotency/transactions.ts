/**
 * Transactions by the ids that callers brought: what is stored under an id is the answer for it, and while a command is
 * under way here another one with the same id waits for its outcome (fifty callers with one id get one answer).
 *
 * Looking up takes as long as reading takes, so it is done before a group waits in the queue and never in a round.
 */

import { type Command, customersOfCommand } from '../../ledger/command.js'
import { metrics } from '../../metrics.js'
import { createSlots } from '../../parallel.js'
import type { CommandDeps } from '../deps.js'
import { failureOf, type Group, type GroupResult, resultOf } from '../group-commit/group.js'
import type { Earlier, Transactions } from '../group-commit/ports.js'
import type { Outcome } from '../outcome.js'
import { createDuplicatesFinder } from './duplicates.js'
import { HistoriesBusy } from './history.js'
import { originalResult, originalsOf } from './original.js'
import { createRecent, type RecentEntry } from './recent.js'
import type { StoredTransaction } from './stored-transaction.js'
import { type FindTransaction, findInWindow } from './window.js'

type Found = { readonly stored?: StoredTransaction | undefined; readonly cause?: unknown }
/** What is stored under each transaction id, or the reason why that cannot be told. */
type Lookup = ReadonlyMap<string, Found>
type Known = Exclude<Earlier, { tag: 'later' }>

const look_ups = metrics.counter(
  'jetledger_transaction_look_ups_total',
  'Transaction ids of commands that were looked up, because an event may have had them',
)

const NEW = { tag: 'new' } as const
/**
 * Groups whose stored transactions are folded at once, and those that may wait for that. To fold the events of a customer from
 * the beginning costs the stream's server a read for nearly each, so many at once would hold up everybody. Most answers are in
 * the journal; who waits here in vain while it does not answer soon finds it there when they try again.
 */
const FOLDS_MAX = 4
const FOLDS_OPEN_MAX = 10_000

/** The code for a group of which it cannot be told whether it is stored already. */
const codeFor = (cause: unknown): 'BUSY' | 'UNAVAILABLE' =>
  cause instanceof HistoriesBusy ? 'BUSY' : 'UNAVAILABLE'

const answerWith = (result: GroupResult): Known => ({ tag: 'answer', result })

const settle = async (earlier: Earlier): Promise<Known> => (earlier.tag === 'later' ? earlier.later : earlier)

/** The outcome of one command of a group; undefined for a command that was refused because of another one. */
const outcomeAt = (result: GroupResult, index: number, { commands }: Group): Outcome | undefined => {
  if (result.tag === 'failed') return commands.length === 1 ? result : undefined
  const reply = result.replies[index]
  return reply === undefined ? undefined : { tag: 'done', reply, replayed: result.replayed }
}

/** Whether the stream has to be read for an answer: to find the transaction, or to fold its customers' events. */
const needsStream = (stored: StoredTransaction | undefined): boolean =>
  stored === undefined || (stored.folded === undefined && stored.event.type !== 'declined')

/** Nobody waits any more for what was not begun in time, and those who do come sooner. */
const unlessAnswered =
  <A>(group: Group, work: () => Promise<A>) =>
  async (): Promise<A | undefined> =>
    group.state === 'answered' ? undefined : work()

/** Runs the works that fold; rejects when too many wait already. */
const createFolds = () => {
  const slots = createSlots(FOLDS_MAX)
  let open = 0
  return async <A>(work: () => Promise<A>): Promise<A> => {
    if (open >= FOLDS_OPEN_MAX) throw new Error('too many answers have to be folded from the stream')
    open += 1
    try {
      return await slots(work)
    } finally {
      open -= 1
    }
  }
}

/** Says of an id whether an event may have it; false is certain (known-ids.ts). */
export type MayHave = (transaction_id: string) => boolean

const NOTHING_FOUND: Lookup = new Map()

const lookUpAll = async (find: FindTransaction, commands: readonly Command[]): Promise<Lookup> => {
  const found = new Map<string, Found>()
  look_ups.inc({}, commands.length)
  const look = async (command: Command): Promise<void> => {
    const { transaction_id } = command
    try {
      found.set(transaction_id, { stored: await find(transaction_id, customersOfCommand(command)[0]) })
    } catch (thrown) {
      found.set(transaction_id, { cause: thrown ?? new Error('the look-up failed') })
    }
  }
  await Promise.all(commands.map(look))
  return found
}

export const createTransactions = (
  deps: CommandDeps,
  find: FindTransaction,
  mayHave: MayHave = () => true,
): Transactions => {
  const recent = createRecent(deps.nc)
  const folds = createFolds()

  /** Looks up the ids that an event may have: nearly always there is none, and then nothing is waited for. */
  const lookUp = (commands: readonly Command[]): Lookup | Promise<Lookup> => {
    const possible = commands.filter(({ transaction_id }) => mayHave(transaction_id))
    return possible.length === 0 ? NOTHING_FOUND : lookUpAll(find, possible)
  }

  /** The result of a group of which something is stored. The youngest part of a group may be in the window only. */
  const originalOf = async (
    { commands }: Group,
    settled: readonly (Outcome | undefined)[],
    stored: Map<string, StoredTransaction>,
  ): Promise<GroupResult | undefined> => {
    const missing = commands
      .filter(({ transaction_id }, i) => settled[i] === undefined && !stored.has(transaction_id))
      .map(({ transaction_id }) => transaction_id)
    if (missing.length > 0) {
      for (const [id, holder] of await findInWindow(deps, new Set(missing)))
        if (holder.stored !== undefined) stored.set(id, holder.stored)
    }
    const originals = await originalsOf(deps, commands, id => stored.get(id))
    return originalResult(
      commands,
      originals.map((original, i) => settled[i] ?? original),
    )
  }

  /** What is known of a group by `lookup`, where some of its commands were `settled` here. */
  const judge = (group: Group, settled: readonly (Outcome | undefined)[], lookup: Lookup): Earlier => {
    const stored = new Map<string, StoredTransaction>()
    for (const { transaction_id } of group.commands) {
      const found = lookup.get(transaction_id)
      if (found?.cause !== undefined) return answerWith(failureOf(group, codeFor(found.cause), found.cause))
      if (found?.stored !== undefined) stored.set(transaction_id, found.stored)
    }
    if (stored.size === 0 && settled.every(outcome => outcome === undefined)) return NEW
    const answer = async (): Promise<Known> => {
      try {
        const work = unlessAnswered(group, () => originalOf(group, settled, stored))
        const open = group.commands.filter((_, i) => settled[i] === undefined)
        const is_costly = open.some(({ transaction_id }) => needsStream(stored.get(transaction_id)))
        const result = await (is_costly ? folds(work) : work())
        return result === undefined ? NEW : answerWith(result)
      } catch (cause) {
        // something is stored under an id of the group, so a caller must not be told that nothing is
        group.may_have_known_id = true
        return answerWith(failureOf(group, 'OUTCOME_UNKNOWN', cause))
      }
    }
    return { tag: 'later', later: answer() }
  }

  /** An earlier command with one of the ids is under way here, or was settled: its outcome is waited for. */
  const beginAfter = async (
    group: Group,
    entries: readonly (RecentEntry | undefined)[],
    lookup: Lookup | undefined,
  ): Promise<Known> => {
    const is_open = entries.some(entry => entry?.is_open === true)
    const fresh = group.commands.filter((_, i) => entries[i] === undefined)
    // in the same turn as the look at `recent`: no other group may begin in between
    if (!is_open) recent.begin(group, fresh)
    const settled = await Promise.all(entries.map(entry => entry?.outcome))
    if (settled.every(outcome => outcome !== undefined)) return answerWith(resultOf(settled))
    if (is_open) return group.state === 'answered' ? NEW : settle(begin(group, lookup))
    return settle(judge(group, settled, lookup ?? (await lookUp(fresh))))
  }

  const begin = (group: Group, lookup: Lookup | undefined): Earlier => {
    const entries = group.commands.map(recent.entryOf)
    if (entries.some(entry => entry !== undefined))
      return { tag: 'later', later: beginAfter(group, entries, lookup) }
    recent.begin(group, group.commands)
    if (lookup !== undefined) return judge(group, [], lookup)
    const found = lookUp(group.commands)
    return found instanceof Promise
      ? { tag: 'later', later: found.then(all => settle(judge(group, [], all))) }
      : judge(group, [], found)
  }

  return {
    begin: group => begin(group, undefined),
    lookUp: async commands => {
      const lookup = await lookUp(commands)
      return group => begin(group, lookup)
    },
    end: (group, result) =>
      recent.end(
        group,
        group.commands.map((_, index) => outcomeAt(result, index, group)),
      ),
    findDuplicates: createDuplicatesFinder(deps, find),
  }
}
