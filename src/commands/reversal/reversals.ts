/**
 * Makes reversals of the requests to reverse a transaction, and has them decided like every other command
 * (docs/adr/0053-reversals.md).
 *
 * A reversal takes the next number of its transaction, on the sum of those before it. It is stored under the id of that
 * number, of which the stream has one event only; if another instance was faster, this one looks again. Within the instance
 * the requests for one transaction wait for each other, so that they need not find out by losing.
 */

import type { Logger } from 'pino'
import { type BackOff, pause } from '../../back-off.js'
import { E, type Either } from '../../fp.js'
import type { AskedCommand, DirectCommand } from '../../ledger/command.js'
import type { ReverseRequest } from '../../ledger/reverse-command.js'
import type { GroupOrigin, GroupResult } from '../group-commit/group.js'
import type { CommandDecider, CommandTaker, Decidable, DryRun, Submitted } from '../group-commit/ports.js'
import { type CommandFailure, failed, type Outcome } from '../outcome.js'
import type { FindOriginal } from './find-original.js'
import { inWords } from './in-words.js'
import { isRequest, placeAll, type Ready } from './placing.js'
import { createTurns } from './turns.js'

/** The most requests that wait here. */
const OPEN_MAX = 1_000
/** A request that was overtaken so often is given up; each time another reversal of its transaction was stored. */
const TRIES_MAX = 50
const PAUSE: BackOff = { first_ms: 1, max_ms: 20 }
const never = new AbortController().signal

export type ReversalsDeps = {
  readonly decider: CommandDecider
  readonly find: FindOriginal
  readonly dry_run: DryRun
  readonly log: Logger
  /** The longest time that a request waits here, in milliseconds. */
  readonly timeout_ms: number
}

/** Whether another command has the number that this one was to get. */
const isTaken = (outcome: Outcome | GroupResult | undefined, ready: Ready | undefined): boolean =>
  outcome?.tag === 'failed' &&
  outcome.code === 'TRANSACTION_ID_REUSED' &&
  ready?.is_new === true &&
  outcome.details.transaction_id === ready.command.transaction_id

/** A failure of a reversal that is not recorded names no id. */
const withoutId = (outcome: Outcome): Outcome => {
  if (outcome.tag === 'done') return outcome
  const { transaction_id: _, ...details } = outcome.details
  return { ...outcome, details }
}

/**
 * Cuts a list into pieces that are decided one after the other. What a request reverses is neither made nor reversed in the
 * same piece, because it is looked up before the piece is decided.
 */
const piecesOf = (submitted: readonly Submitted[]): Submitted[][] => {
  const pieces: Submitted[][] = []
  let transactions = new Set<string>()
  for (const one of submitted) {
    const { command } = one
    const id = isRequest(command) ? command.reverses : command.transaction_id
    if (pieces.length === 0 || (isRequest(command) && transactions.has(id))) {
      pieces.push([])
      transactions = new Set()
    }
    transactions.add(id)
    pieces.at(-1)?.push(one)
  }
  return pieces
}

export class Reversals implements CommandTaker {
  readonly #deps: ReversalsDeps
  readonly #inTurn = createTurns()
  #open = 0

  readonly dryRunEach: DryRun['dryRunEach']
  readonly dryRunAll: DryRun['dryRunAll']

  constructor(deps: ReversalsDeps) {
    this.#deps = deps
    this.dryRunEach = deps.dry_run.dryRunEach
    this.dryRunAll = deps.dry_run.dryRunAll
  }

  take(submitted: Submitted, done: (outcome: Outcome) => void, origin?: GroupOrigin): void {
    const { command, has_given_id } = submitted
    if (isRequest(command)) void this.submitEach([submitted], origin).then(([one]) => done(one as Outcome))
    else this.#deps.decider.take({ command, has_given_id }, done, origin)
  }

  async submitEach(commands: readonly Submitted[], origin: GroupOrigin = 'caller'): Promise<Outcome[]> {
    if (!commands.some(({ command }) => isRequest(command)))
      return this.#deps.decider.submitEach(commands as readonly Decidable[], origin)
    const outcomes: Outcome[] = []
    for (const piece of piecesOf(commands)) outcomes.push(...(await this.#decidePiece(piece, origin)))
    return outcomes
  }

  async submitAll(
    commands: readonly AskedCommand[],
    has_given_ids: boolean,
    origin: GroupOrigin = 'caller',
  ): Promise<GroupResult> {
    const requests = commands.filter(isRequest)
    if (requests.length === 0)
      return this.#deps.decider.submitAll(commands as readonly DirectCommand[], has_given_ids, origin)
    const result = await this.#enter(requests, until_ms =>
      this.#decideGroup(commands, has_given_ids, origin, until_ms),
    )
    if (result === undefined) return this.#notBegun('BUSY', origin)
    const index = result.tag === 'failed' ? result.details.index : undefined
    const request = typeof index === 'number' ? commands[index] : undefined
    return result.tag === 'failed' && request !== undefined && isRequest(request)
      ? inWords(result, request, false)
      : result
  }

  /** A failure of which this instance has stored nothing; another one may have stored what was taken back from it. */
  #notBegun(code: CommandFailure['code'], origin: GroupOrigin, cause?: unknown): CommandFailure {
    return failed(origin === 'taken back' ? 'OUTCOME_UNKNOWN' : code, {}, cause)
  }

  /** Does `work` when no other request for the same transactions is under way here; undefined when too many are. */
  async #enter<A>(
    requests: readonly ReverseRequest[],
    work: (until_ms: number) => Promise<A>,
  ): Promise<A | undefined> {
    if (this.#open + requests.length > OPEN_MAX) return undefined
    const until_ms = performance.now() + this.#deps.timeout_ms
    this.#open += requests.length
    try {
      return await this.#inTurn(new Set(requests.map(({ reverses }) => reverses)), () => work(until_ms))
    } finally {
      this.#open -= requests.length
    }
  }

  /** The commands that can be decided. What keeps the others from it is certain unless another instance had them too. */
  async #place(
    commands: readonly AskedCommand[],
    origin: GroupOrigin,
  ): Promise<Either<CommandFailure, Ready>[]> {
    const { find, log } = this.#deps
    const placed = await placeAll(find, log, commands)
    return placed.map(
      E.mapLeft(failure => {
        const is_uncertain = failure.code === 'UNAVAILABLE' || failure.code === 'INTERNAL_ERROR'
        return is_uncertain ? this.#notBegun(failure.code, origin, failure.cause) : failure
      }),
    )
  }

  /** Whether another try makes sense after `tries` tries; waits before it. */
  async #mayTryAgain(tries: number, until_ms: number): Promise<boolean> {
    if (tries >= TRIES_MAX || performance.now() > until_ms) return false
    await pause(PAUSE, tries, never)
    return true
  }

  async #decidePiece(piece: readonly Submitted[], origin: GroupOrigin): Promise<readonly Outcome[]> {
    const requests = piece.map(({ command }) => command).filter(isRequest)
    if (requests.length === 0) return this.#deps.decider.submitEach(piece as readonly Decidable[], origin)
    const outcomes = await this.#enter(requests, until_ms => this.#decideEach(piece, origin, until_ms))
    return piece.map(({ command, has_given_id }, i): Outcome => {
      const outcome = outcomes?.[i] ?? this.#notBegun('BUSY', origin)
      return outcome.tag === 'failed' && isRequest(command)
        ? inWords(outcome, command, has_given_id)
        : outcome
    })
  }

  /** Decides each command by itself, and those again whose numbers others were faster to take. */
  async #decideEach(piece: readonly Submitted[], origin: GroupOrigin, until_ms: number): Promise<Outcome[]> {
    const outcomes: Outcome[] = []
    let open = [...piece.keys()]
    for (let tries = 1; ; tries += 1) {
      open = await this.#tryEach(piece, open, outcomes, origin)
      if (open.length === 0) return outcomes
      if (!(await this.#mayTryAgain(tries, until_ms))) break
    }
    for (const index of open) outcomes[index] = this.#notBegun('CONFLICT', origin)
    return outcomes
  }

  /** Decides the commands of `piece` with an index of `open`, and fills in their outcomes. Gives those that lost their number. */
  async #tryEach(
    piece: readonly Submitted[],
    open: readonly number[],
    outcomes: Outcome[],
    origin: GroupOrigin,
  ): Promise<number[]> {
    const tried = open.flatMap(index => piece[index] ?? [])
    const placed = await this.#place(
      tried.map(({ command }) => command),
      origin,
    )
    const sent: { readonly index: number; readonly ready: Ready; readonly submitted: Decidable }[] = []
    for (const [at, one] of placed.entries()) {
      const index = open[at] ?? 0
      const is_given = tried[at]?.has_given_id ?? false
      if (E.isLeft(one)) outcomes[index] = one.left
      else {
        const { command, may_be_recorded } = one.right
        const submitted = { command, has_given_id: is_given && may_be_recorded }
        sent.push({ index, ready: one.right, submitted })
      }
    }
    const submitted = sent.map(each => each.submitted)
    const results = await this.#deps.decider.submitEach(submitted, origin)
    return sent.flatMap(({ index, ready, submitted: { has_given_id } }, at) => {
      const outcome = results[at] ?? failed('INTERNAL_ERROR')
      outcomes[index] = ready.command.type === 'reversal' && !has_given_id ? withoutId(outcome) : outcome
      return isTaken(outcome, ready) ? [index] : []
    })
  }

  /** Decides a group, and again when others were faster to take a number of one of its reversals. */
  async #decideGroup(
    commands: readonly AskedCommand[],
    has_given_ids: boolean,
    origin: GroupOrigin,
    until_ms: number,
  ): Promise<GroupResult> {
    for (let tries = 1; ; tries += 1) {
      const placed = await this.#place(commands, origin)
      const ready: Ready[] = []
      for (const [index, one] of placed.entries()) {
        if (E.isLeft(one)) return { ...one.left, details: { ...one.left.details, index } }
        ready.push(one.right)
      }
      const result = await this.#deps.decider.submitAll(
        ready.map(({ command }) => command),
        has_given_ids,
        origin,
      )
      if (!ready.some(one => isTaken(result, one))) return result
      if (!(await this.#mayTryAgain(tries, until_ms))) return this.#notBegun('CONFLICT', origin)
    }
  }
}
