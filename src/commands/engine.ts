/**
 * The group commit: commands queue up while a batch is in flight, and the next batch takes them all.
 *
 * No lock and no leader of our own: the stream checks each customer's first event of a batch against the sequence
 * that the decision was made at, so any number of instances may run (docs/adr/0009).
 */

import type { Command } from '../ledger/command.js'
import { metrics } from '../metrics.js'
import { type Ask, type AskResult, outcomeOfOne } from './ask.js'
import { BATCH_COMMANDS_MAX, freeOf } from './backlog.js'
import { createOpenAsks } from './deadline.js'
import type { CommandDeps } from './deps.js'
import type { FindTransaction } from './find.js'
import { createHistoryFinder } from './history.js'
import { createIntake } from './intake.js'
import { failed, type Outcome } from './outcome.js'
import { createRound } from './round.js'

export type EngineOptions = {
  /** Commands that may be open; the next one is answered `BUSY` at once. */
  readonly queue_max: number
  /** How long a command may wait before it is taken into a batch, and a batch for its outcome. */
  readonly timeout_ms: number
  /** What finds stored transactions; from the customers' histories when absent. */
  readonly find?: FindTransaction
}

/** A command; `given` says that the caller brought the transaction id. */
export type Submitted = { readonly command: Command; readonly given: boolean }

export type Engine = {
  /** Decides and stores one command. Never rejects. */
  readonly submit: (command: Command, given: boolean) => Promise<Outcome>
  /** The same without a promise, which is what thousands in a second are better off with. */
  readonly ask: (command: Command, given: boolean, done: (outcome: Outcome) => void) => void
  /** Each by itself, decided in the given order; the outcomes in that order too. */
  readonly submitEach: (commands: readonly Submitted[]) => Promise<Outcome[]>
  /** All in one atomic batch, or none. `given` for all of them. */
  readonly submitAll: (commands: readonly Command[], given: boolean) => Promise<AskResult>
  /** Takes no more commands, settles those that are open, and resolves. */
  readonly stop: () => Promise<void>
}

/**
 * With so many commands waiting another batch is decided while those before it are stored, of other customers than
 * theirs: then the server never waits for us, nor we for it. With fewer, one larger batch is cheaper than two.
 */
const BACKLOG = 500
/** A batch that takes so long waits for a disk or for other servers, and then fewer are worth a second one. */
const SLOW_MS = 25
const SLOW_BACKLOG = 100
const ROUNDS_MAX = 4
/** Of `timeout_ms`: waiting, looking up, publishing and asking what became of it each have bounds, and all have this. */
const BOUND_TIMEOUTS = 5

/** How long a caller may have to wait for an answer, whatever happens. */
export const answerBound_ms = (timeout_ms: number): number => BOUND_TIMEOUTS * timeout_ms

const waiting = metrics.gauge('jetledger_command_queue_length', 'Commands that wait for their answers')
const batches = metrics.histogram(
  'jetledger_command_batch_size',
  'Commands that were taken into one round',
  [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000],
)

export const createEngine = (deps: CommandDeps, options: EngineOptions): Engine => {
  const { queue_max, timeout_ms, find = createHistoryFinder(deps) } = options
  const ending = new AbortController()
  const open = createOpenAsks(answerBound_ms(timeout_ms))
  const round = createRound(deps, find, timeout_ms, ending.signal)
  let isEnding = false
  let queue: Ask[] = []
  let isScheduled = false
  const untrack = waiting.track(open.commands)
  /** What is in a batch at the moment. */
  const rounds = new Set<readonly Ask[]>()
  /** One of them has been under way for long, and none was begun since. */
  let isSlow = false

  /** Takes what the next batch may hold while `rounds` are under way; nothing if that is less than `least`. */
  const takeNext = (least: number): Ask[] => {
    const taken = rounds.size === 0 ? queue.slice(0, BATCH_COMMANDS_MAX) : freeOf(queue, rounds)
    if (taken.length < least) return []
    const [last] = taken.slice(-1)
    // mostly it is the beginning of the queue
    const isHead = last !== undefined && queue[taken.length - 1] === last
    const isTaken = new Set(isHead ? [] : taken)
    queue = isHead ? queue.slice(taken.length) : queue.filter(each => !isTaken.has(each))
    return taken
  }

  const run = async (taken: readonly Ask[]): Promise<void> => {
    rounds.add(taken)
    isSlow = false
    const slow = setTimeout(() => {
      isSlow = true
      work()
    }, SLOW_MS)
    batches.observe(taken.reduce((sum, { commands }) => sum + commands.length, 0))
    const again = await round.handle(taken)
    clearTimeout(slow)
    rounds.delete(taken)
    if (again.length > 0) queue = [...again, ...queue]
    work()
  }

  /** How many the next batch needs to be begun. */
  const enough = (): number => {
    if (rounds.size === 0) return 1
    if (rounds.size === ROUNDS_MAX) return Number.POSITIVE_INFINITY
    return isSlow && rounds.size === 1 ? SLOW_BACKLOG : BACKLOG
  }

  const work = (): void => {
    for (let least = enough(); queue.length >= least; least = enough()) {
      const taken = takeNext(least)
      if (taken.length === 0) return
      void run(taken)
    }
  }

  const enqueue = (ask: Ask): void => {
    queue.push(ask)
    if (isScheduled) return
    isScheduled = true
    // after this turn's input: commands that came in one network read go into one batch
    setImmediate(() => {
      isScheduled = false
      work()
    })
  }

  const intake = createIntake(deps, find, enqueue)

  const newAsk = (commands: readonly Command[], given: boolean, done: (result: AskResult) => void): Ask => {
    const ask: Ask = {
      commands,
      given,
      done,
      open,
      opened_ms: performance.now(),
      tries: 0,
      may_be_stored: false,
      id_taken: false,
      answered: false,
    }
    open.add(ask)
    return ask
  }

  /** Why nothing can be taken at the moment. */
  const refusal = (commands: number): 'UNAVAILABLE' | 'BUSY' | undefined => {
    if (isEnding) return 'UNAVAILABLE'
    return open.commands() + commands > queue_max ? 'BUSY' : undefined
  }

  const ask: Engine['ask'] = (command, given, done) => {
    const code = refusal(1)
    if (code !== undefined) {
      done(failed(code, { transaction_id: command.transaction_id }))
      return
    }
    const made = newAsk([command], given, result => done(outcomeOfOne(result)))
    if (given) void intake.take(made)
    else enqueue(made)
  }

  const submitEach: Engine['submitEach'] = async commands => {
    if (commands.length === 0) return []
    const code = refusal(commands.length)
    if (code !== undefined) {
      return commands.map(({ command }) => failed(code, { transaction_id: command.transaction_id }))
    }
    const outcomes: Outcome[] = []
    let left = commands.length
    let finish: (all: Outcome[]) => void = () => undefined
    const finished = new Promise<Outcome[]>(resolve => {
      finish = resolve
    })
    const asks = commands.map(({ command, given }, index) =>
      newAsk([command], given, result => {
        outcomes[index] = outcomeOfOne(result)
        left -= 1
        if (left === 0) finish(outcomes)
      }),
    )
    const brought = commands.filter(({ given }) => given).map(({ command }) => command)
    const lookup = brought.length === 0 ? undefined : await intake.lookUp(brought)
    for (const made of asks) {
      if (made.given) void intake.take(made, lookup)
      else enqueue(made)
    }
    return finished
  }

  return {
    ask,
    submit: (command, given) => new Promise(resolve => ask(command, given, resolve)),
    submitEach,
    submitAll: (commands, given) =>
      new Promise(resolve => {
        const code = refusal(commands.length)
        if (code !== undefined) {
          resolve(failed(code))
          return
        }
        const made = newAsk(commands, given, resolve)
        if (given) void intake.take(made)
        else enqueue(made)
      }),
    stop: async () => {
      isEnding = true
      await open.none()
      untrack()
      ending.abort()
    },
  }
}
