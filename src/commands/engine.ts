/**
 * The group commit: commands queue up while a batch is in flight, and the next batch takes them all.
 *
 * No lock and no leader of our own: the stream checks each customer's first event of a batch against the sequence
 * that the decision was made at, so any number of instances may run (docs/adr/0009).
 */

import type { Command } from '../ledger/command.js'
import type { CommandDeps } from './deps.js'
import { differsFrom } from './known.js'
import { createLru } from './lru.js'
import { failed, type Outcome, replayed } from './outcome.js'
import { createRound, type Round, type Waiting } from './round.js'

export type EngineOptions = {
  /** Commands that may wait; the next one is answered `BUSY` at once. */
  readonly queue_max: number
  /** How long a command may wait before it is taken into a batch, and a batch for its outcome. */
  readonly timeout_ms: number
}

export type Engine = {
  /** Decides and stores one command; `given` says that the caller brought the transaction id. Never rejects. */
  readonly submit: (command: Command, given: boolean) => Promise<Outcome>
  /** Takes no more commands, settles those that wait, and resolves. */
  readonly stop: () => Promise<void>
}

const BATCH_COMMANDS_MAX = 1_000
const RECENT_MAX = 100_000

type Remembered = { readonly command: Command; readonly outcome: Promise<Outcome> }

/** Outcomes that are what the stream says, and so the same for ever. */
const isFinal = (outcome: Outcome): boolean =>
  outcome.tag === 'done' || outcome.code === 'INSUFFICIENT_FUNDS' || outcome.code === 'BALANCE_LIMIT'

export const createEngine = (deps: CommandDeps, { queue_max, timeout_ms }: EngineOptions): Engine => {
  const ending = new AbortController()
  const round: Round = createRound(deps, timeout_ms, ending.signal)
  /** Transactions that are under way or were settled here lately, by the id that the caller gave. */
  const recent = createLru<string, Remembered>(RECENT_MAX)
  let queue: Waiting[] = []
  let working: Promise<void> | undefined

  const work = async (): Promise<void> => {
    while (queue.length > 0) {
      const taken = queue.slice(0, BATCH_COMMANDS_MAX)
      queue = queue.slice(BATCH_COMMANDS_MAX)
      queue = [...(await round.handle(taken)), ...queue]
    }
    working = undefined
  }

  const enqueue = (command: Command, given: boolean): Promise<Outcome> =>
    new Promise(resolve => {
      queue.push({ command, given, resolve, tries: 0, until_ms: performance.now() + timeout_ms })
      // after this turn's input: commands that came in one network read go into one batch
      working ??= new Promise<void>(next => setImmediate(next)).then(work)
    })

  const again = async (command: Command, before: Remembered): Promise<Outcome> => {
    const field = differsFrom(command, before.command)
    const { transaction_id } = command
    const outcome = await before.outcome
    if (field === undefined) return isFinal(outcome) ? replayed(outcome) : outcome
    // what came first here may itself be the reuse, or fail: then it says nothing about this one
    return isFinal(outcome)
      ? failed('TRANSACTION_ID_REUSED', { transaction_id, field })
      : submitGiven(command)
  }

  const submitGiven = (command: Command): Promise<Outcome> => {
    const { transaction_id } = command
    const before = recent.get(transaction_id)
    if (before !== undefined) return again(command, before)
    const outcome = enqueue(command, true).then(result => {
      // what was not settled may be tried again by the same id
      if (!isFinal(result)) recent.delete(transaction_id)
      return result
    })
    recent.set(transaction_id, { command, outcome })
    return outcome
  }

  return {
    submit: (command, given) => {
      const { transaction_id } = command
      if (ending.signal.aborted) return Promise.resolve(failed('UNAVAILABLE', { transaction_id }))
      if (queue.length >= queue_max) return Promise.resolve(failed('BUSY', { transaction_id }))
      return given ? submitGiven(command) : enqueue(command, false)
    },
    stop: async () => {
      await working
      ending.abort()
    },
  }
}
