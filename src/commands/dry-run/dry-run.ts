/**
 * Says what would become of commands, and stores nothing (docs/adr/0054-dry-runs.md).
 *
 * It decides on accounts that are loaded for it as of a proved end of the stream, and shares neither memory nor queue with
 * the commands that are carried out. What is stored under an id of a command is the answer, as it would be.
 */

import type { Logger } from 'pino'
import { E, type Either } from '../../fp.js'
import type { Account } from '../../ledger/account.js'
import type { AccountId } from '../../ledger/account-id.js'
import { type AskedCommand, type Command, customersOfCommand } from '../../ledger/command.js'
import { decide, TimeUnknown } from '../../ledger/decide.js'
import { isOwnFault } from '../../own-fault.js'
import { inParallel } from '../../parallel.js'
import type { Folded } from '../../stream/fold-subject.js'
import { type GroupResult, replayedOutcome, resultOf } from '../group-commit/group.js'
import { isLoaded, type LoadProblem } from '../group-commit/load.js'
import type { DryRun, Submitted } from '../group-commit/ports.js'
import { differsFrom } from '../idempotency/stored-command.js'
import { type CommandFailure, expiryOf, failed, type Outcome, positionOf, replyOf } from '../outcome.js'
import type { FindOriginal } from '../reversal/find-original.js'
import { inWords } from '../reversal/in-words.js'
import { createPlaces, isRequest, type Ready } from '../reversal/placing.js'

const LOOK_UPS_MAX = 32

export type DryRunDeps = {
  /** The answer of what is stored under the command's id; undefined when nothing is. */
  readonly findStored: (command: Command) => Promise<Outcome | undefined>
  readonly findOriginal: FindOriginal
  /** The accounts as of an end of the stream that is proved after the call. */
  readonly load: (ids: readonly AccountId[]) => Promise<ReadonlyMap<AccountId, Folded | LoadProblem>>
  /** The time by the stream's clock; undefined while it is not known well enough. */
  readonly now: () => Date | undefined
  readonly log: Logger
}

/** The accounts of one dry run, and what its commands would make of them. */
class Accounts {
  readonly #loaded: ReadonlyMap<AccountId, Folded | LoadProblem>
  readonly #changed = new Map<AccountId, Account>()

  constructor(loaded: ReadonlyMap<AccountId, Folded | LoadProblem>) {
    this.#loaded = loaded
  }

  /** The reason why a command cannot be decided; undefined when it can. */
  problemOf(command: Command): Error | undefined {
    for (const id of customersOfCommand(command)) {
      const found = this.#loaded.get(id)
      if (found === undefined) return new Error(`${id} was not loaded`)
      if (!isLoaded(found)) return new Error(`${id}: ${found.problem}`, { cause: found.cause })
      if (found.customer.parked !== undefined) return new Error(`${id} is parked`)
    }
    return undefined
  }

  /** Decides a command on the accounts as the commands before it would leave them. */
  decide(command: Command, now: Date | undefined): Outcome {
    const decision = decide(command, id => this.#accountOf(id), now)
    if (E.isLeft(decision)) {
      const { code, client_id, balance, amount, ...more } = decision.left
      return failed(code, { transaction_id: command.transaction_id, client_id, balance, amount, ...more })
    }
    const [first] = decision.right
    const positions = decision.right.map(({ id, after }) => positionOf(id, after, this.#seqOf(id)))
    for (const { id, after } of decision.right) this.#changed.set(id, after)
    const reply = replyOf(command, positions, first === undefined ? undefined : expiryOf(first.event))
    return { tag: 'done', reply, replayed: false }
  }

  #accountOf(id: AccountId): Account {
    const found = this.#loaded.get(id)
    const account =
      this.#changed.get(id) ?? (found !== undefined && isLoaded(found) ? found.customer.account : undefined)
    if (account === undefined) throw new Error(`${id} was not loaded before it was decided on`)
    return account
  }

  /** The sequence of the customer's newest event: what would happen has none of its own. */
  #seqOf(id: AccountId): number {
    const found = this.#loaded.get(id)
    return found !== undefined && isLoaded(found) ? found.last_seq : 0
  }
}

/** Decides the commands of one dry run, one after the other. */
class Run {
  readonly #deps: DryRunDeps
  readonly #accounts: Accounts
  readonly #stored: ReadonlyMap<string, Outcome>
  readonly #seen = new Map<string, { readonly command: Command; readonly outcome: Outcome }>()

  constructor(deps: DryRunDeps, accounts: Accounts, stored: ReadonlyMap<string, Outcome>) {
    this.#deps = deps
    this.#accounts = accounts
    this.#stored = stored
  }

  decide(command: Command): Outcome {
    const outcome = this.#earlier(command) ?? this.#decideNow(command)
    this.#seen.set(command.transaction_id, { command, outcome })
    return outcome
  }

  /** The outcome by what has the command's id already, in the ledger or among the commands before it. */
  #earlier(command: Command): Outcome | undefined {
    const stored = this.#stored.get(command.transaction_id)
    if (stored !== undefined) return stored
    const before = this.#seen.get(command.transaction_id)
    if (before === undefined) return undefined
    const field = differsFrom(command, before.command)
    const { transaction_id } = command
    return field === undefined
      ? replayedOutcome(before.outcome)
      : failed('TRANSACTION_ID_REUSED', { transaction_id, field })
  }

  #decideNow(command: Command): Outcome {
    const { transaction_id } = command
    const problem = this.#accounts.problemOf(command)
    if (problem !== undefined) return failed('UNAVAILABLE', { transaction_id }, problem)
    try {
      return this.#accounts.decide(command, this.#deps.now())
    } catch (cause) {
      if (cause instanceof TimeUnknown) return failed('UNAVAILABLE', { transaction_id }, cause)
      throw cause
    }
  }
}

/** The commands that can be decided as far as they can be known beforehand, for what has to be loaded. */
const likely = (ready: readonly Either<CommandFailure, Ready>[]): Command[] =>
  ready.flatMap(one => (E.isRight(one) ? [one.right.command] : []))

const storedAnswers = async (
  { findStored }: DryRunDeps,
  commands: readonly Command[],
): Promise<ReadonlyMap<string, Outcome>> => {
  const found = await inParallel(LOOK_UPS_MAX, commands, async (command): Promise<[string, Outcome][]> => {
    const { transaction_id } = command
    try {
      const stored = await findStored(command)
      return stored === undefined ? [] : [[transaction_id, stored]]
    } catch (cause) {
      if (isOwnFault(cause)) throw cause
      return [[transaction_id, failed('UNAVAILABLE', { transaction_id }, cause)]]
    }
  })
  return new Map(found.flat())
}

/** The outcomes of the commands, decided one after the other; it ends at the first failure if `ends_at_failure`. */
const outcomesOf = async (
  deps: DryRunDeps,
  submitted: readonly Submitted[],
  ends_at_failure: boolean,
): Promise<Outcome[]> => {
  const places = await createPlaces(
    deps.findOriginal,
    deps.log,
    submitted.map(({ command }) => command),
  )
  // each request is placed as if it were alone, to know the customers and the ids
  const commands = likely(submitted.map(({ command }) => places.place(command)))
  const ids = [...new Set(commands.flatMap(command => [...customersOfCommand(command)]))]
  const with_ids = new Set(submitted.filter(one => one.has_given_id).map(one => one.command.transaction_id))
  const given = commands.filter(one => one.type === 'reversal' || with_ids.has(one.transaction_id))
  const [loaded, stored] = await Promise.all([deps.load(ids), storedAnswers(deps, given)])
  const run = new Run(deps, new Accounts(loaded), stored)
  const outcomes: Outcome[] = []
  for (const { command, has_given_id } of submitted) {
    const outcome = decideOne(places, run, command, has_given_id)
    outcomes.push(outcome)
    if (outcome.tag === 'failed' && ends_at_failure) break
  }
  return outcomes
}

const decideOne = (
  places: Awaited<ReturnType<typeof createPlaces>>,
  run: Run,
  asked: AskedCommand,
  has_given_id: boolean,
): Outcome => {
  const placed = places.place(asked)
  const outcome = E.isLeft(placed) ? placed.left : run.decide(placed.right.command)
  if (E.isRight(placed) && outcome.tag === 'done') places.keep(asked, placed.right)
  return outcome.tag === 'failed' && isRequest(asked) ? inWords(outcome, asked, has_given_id) : outcome
}

/** Dry runs of commands. They never reject. */
export const createDryRun = (deps: DryRunDeps): DryRun => {
  const failure = (thrown: unknown): CommandFailure => {
    const is_own_fault = isOwnFault(thrown)
    if (is_own_fault) deps.log.error({ err: thrown }, 'a dry run met a fault of this program')
    return failed(is_own_fault ? 'INTERNAL_ERROR' : 'UNAVAILABLE', {}, thrown)
  }
  return {
    dryRunEach: async submitted => {
      try {
        return await outcomesOf(deps, submitted, false)
      } catch (thrown) {
        return submitted.map(() => failure(thrown))
      }
    },
    dryRunAll: async (submitted): Promise<GroupResult> => {
      try {
        const outcomes = await outcomesOf(deps, submitted, true)
        const replayed = outcomes.filter(outcome => outcome.tag === 'done' && outcome.replayed).length
        // a group is stored as a whole, so an id that is stored came from another request
        if (replayed > 0 && replayed < outcomes.length && outcomes.every(({ tag }) => tag === 'done')) {
          const index = outcomes.findIndex(outcome => outcome.tag === 'done' && outcome.replayed)
          const transaction_id = submitted[index]?.command.transaction_id
          return failed('TRANSACTION_ID_REUSED', { transaction_id, field: 'mode', index })
        }
        return resultOf(outcomes)
      } catch (thrown) {
        return failure(thrown)
      }
    },
  }
}
