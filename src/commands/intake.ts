/**
 * What happens to commands before they wait in the queue: those whose transaction ids are known get their original
 * answer, here and not in the main loop, because reading takes as long as it takes.
 */

import { type Command, customersOfCommand } from '../ledger/command.js'
import { createSlots } from '../parallel.js'
import { type Ask, type AskResult, answer, failAll, resultOf } from './ask.js'
import type { CommandDeps } from './deps.js'
import { type FindTransaction, findInWindow } from './find.js'
import type { Known } from './known.js'
import { originalResult, originalsOf } from './original.js'
import type { Outcome } from './outcome.js'
import { createRecent } from './recent.js'

/** What is stored under a transaction id, or why that cannot be told. */
export type Lookup = ReadonlyMap<string, { readonly known?: Known | undefined; readonly cause?: unknown }>

export type Intake = {
  /** Looks for transactions beforehand, so that asks that are taken next go into the queue at once and in order. */
  readonly lookUp: (commands: readonly Command[]) => Promise<Lookup>
  /** Answers an ask with given ids whose transactions are known, or puts it into the queue. Never rejects. */
  readonly take: (ask: Ask, lookup?: Lookup) => Promise<void>
}

/** Subjects that are folded at once to answer those who ask again. */
const ANSWERS_MAX = 32

/** The outcome of one command of an ask; undefined for one of a group that was refused because of another one. */
const outcomeAt = (result: AskResult, index: number, { commands }: Ask): Outcome | undefined => {
  if (result.tag === 'failed') return commands.length === 1 ? result : undefined
  const reply = result.replies[index]
  return reply === undefined ? undefined : { tag: 'done', reply, replayed: result.replayed }
}

export const createIntake = (
  deps: CommandDeps,
  find: FindTransaction,
  enqueue: (ask: Ask) => void,
): Intake => {
  const recent = createRecent()
  const slots = createSlots(ANSWERS_MAX)

  const lookUp = async (commands: readonly Command[]): Promise<Lookup> => {
    const found = new Map<string, { known?: Known | undefined; cause?: unknown }>()
    const look = async (command: Command): Promise<void> => {
      const { transaction_id } = command
      try {
        found.set(transaction_id, { known: await find(transaction_id, customersOfCommand(command)[0]) })
      } catch (thrown) {
        found.set(transaction_id, { cause: thrown ?? new Error('the look-up failed') })
      }
    }
    await Promise.all(commands.map(look))
    return found
  }

  /** The result of an ask of which something is stored. Of a group the youngest part may be in the window only. */
  const originalOf = async (
    { commands }: Ask,
    settled: readonly (Outcome | undefined)[],
    known: Map<string, Known>,
  ): Promise<AskResult | undefined> => {
    const missing = commands
      .filter(({ transaction_id }, i) => settled[i] === undefined && !known.has(transaction_id))
      .map(({ transaction_id }) => transaction_id)
    if (missing.length > 0) {
      for (const [id, holder] of await findInWindow(deps, new Set(missing))) {
        if (holder.known !== undefined) known.set(id, holder.known)
      }
    }
    const originals = await originalsOf(deps, commands, id => known.get(id))
    return originalResult(
      commands,
      originals.map((original, i) => settled[i] ?? original),
    )
  }

  /** The ask goes into the queue, or is answered with what is stored under its ids or `settled` here. */
  const decide = async (
    ask: Ask,
    settled: readonly (Outcome | undefined)[],
    lookup: Lookup,
  ): Promise<void> => {
    const known = new Map<string, Known>()
    for (const { transaction_id } of ask.commands) {
      const found = lookup.get(transaction_id)
      if (found?.cause !== undefined) return failAll([ask], 'UNAVAILABLE', found.cause)
      if (found?.known !== undefined) known.set(transaction_id, found.known)
    }
    if (known.size === 0 && settled.every(outcome => outcome === undefined)) return enqueue(ask)
    try {
      const result = await slots(() => originalOf(ask, settled, known))
      if (result !== undefined) answer(ask, result)
    } catch (cause) {
      // something is stored under an id of it, so nobody may say that nothing is
      ask.id_taken = true
      failAll([ask], 'OUTCOME_UNKNOWN', cause)
    }
  }

  /** Notes the ids of an ask as under way; whoever brings one of them meanwhile waits for its outcome. */
  const begin = (ask: Ask, commands: readonly Command[]): void => {
    const ends = commands.map(command => ({
      index: ask.commands.indexOf(command),
      end: recent.begin(command),
    }))
    const { done } = ask
    ask.done = result => {
      for (const { index, end } of ends) end(outcomeAt(result, index, ask))
      done(result)
    }
  }

  /** What came first under the ids is under way or settled here: waits, then goes on with what is left open. */
  const takeAfter = async (ask: Ask, entries: readonly ReturnType<typeof recent.of>[], lookup?: Lookup) => {
    const hasBegun = !entries.some(entry => entry?.isOpen === true)
    const fresh = ask.commands.filter((_, i) => entries[i] === undefined)
    // in the same turn as the look at `recent`: nobody may begin in between
    if (hasBegun) begin(ask, fresh)
    const settled = await Promise.all(entries.map(entry => entry?.outcome))
    if (ask.answered) return
    if (settled.every(outcome => outcome !== undefined)) return answer(ask, resultOf(settled))
    await (hasBegun ? decide(ask, settled, lookup ?? (await lookUp(fresh))) : take(ask, lookup))
  }

  const take = async (ask: Ask, lookup?: Lookup): Promise<void> => {
    const entries = ask.commands.map(recent.of)
    if (entries.some(entry => entry !== undefined)) return takeAfter(ask, entries, lookup)
    begin(ask, ask.commands)
    // with a look-up at hand nothing waits before the queue: the order stays
    return decide(ask, [], lookup ?? (await lookUp(ask.commands)))
  }

  return { lookUp, take }
}
