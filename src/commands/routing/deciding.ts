/**
 * Decides the commands that other instances give to this one, and answers them; what is answered in one turn goes back to an
 * instance in one message.
 *
 * A message that was on its way for long is not heeded: its sender has decided the commands itself by then, perhaps longer ago
 * than the stream's duplicate window reaches back. A forward carries the newest tick of this instance that its sender had
 * heard, so its age is told by the clock of this instance alone.
 */

import type { NatsConnection } from 'nats'
import type { Logger } from 'pino'
import { wholeProblem } from '../atomic-batch.js'
import { errorJson, replyJson } from '../endpoints/command-body.js'
import { outcomesOf } from '../group-commit/group.js'
import type { CommandTaker, DryRun } from '../group-commit/ports.js'
import type { Outcome } from '../outcome.js'
import {
  answersSubject,
  encodeAnswers,
  type Forward,
  type ForwardedItem,
  type OutcomeQuestion,
} from './messages.js'

/**
 * The largest age of a forward. Together with the time in which both instances decide at the latest it is far shorter than the
 * half of the duplicate window in which the stream certainly refuses the second copy of a command.
 */
const AGE_MS_MAX = 5_000

/** The answers that wait to be sent to another instance, and the numbers of the items that this one does not have. */
type PendingAnswers = {
  readonly answers: [number: number, outcomes: string][]
  missing: number[]
  bytes: number
}

export type DecidingDeps = {
  readonly nc: Pick<NatsConnection, 'publish'>
  readonly log: Logger
  /** The id of this instance. */
  readonly id: string
  readonly coordinator: Omit<CommandTaker, keyof DryRun>
  readonly mayDecide: () => boolean
  /** The time on the clock of the signs of this instance. */
  readonly tick: () => number
  readonly max_payload: () => number
}

const outcomeJson = (outcome: Outcome): string =>
  outcome.tag === 'done' ? replyJson(outcome.reply, outcome.replayed) : errorJson(outcome)

export class Deciding {
  readonly #deps: DecidingDeps
  /** The numbers of the items at work, by the instance that gave them. */
  readonly #at_work = new Map<string, Set<number>>()
  readonly #replies = new Map<string, PendingAnswers>()
  #waiting: (() => void)[] = []

  constructor(deps: DecidingDeps) {
    this.#deps = deps
  }

  handle(request: Forward | OutcomeQuestion): void {
    if (request.tag === 'question') this.#answerQuestion(request)
    else this.#decideAll(request)
  }

  /** Resolves when no item is at work. */
  idle(): Promise<void> {
    return new Promise(resolve => {
      if (this.#at_work.size === 0) resolve()
      else this.#waiting.push(resolve)
    })
  }

  #answerQuestion({ from, asks }: OutcomeQuestion): void {
    const own = this.#at_work.get(from)
    const { missing } = this.#replyTo(from)
    for (const number of asks) if (own?.has(number) !== true) missing.push(number)
  }

  #decideAll({ from, tick, first, items }: Forward): void {
    const age_ms = this.#deps.tick() - tick
    const is_heeded = age_ms >= 0 && age_ms <= AGE_MS_MAX && this.#deps.mayDecide()
    for (const [index, item] of items.entries()) {
      const number = first + index
      if (is_heeded && item !== undefined && this.#begin(from, number)) this.#decide(item, from, number)
      else this.#replyTo(from).missing.push(number)
    }
  }

  /** Notes an item as being at work; false if it is at work already. */
  #begin(from: string, number: number): boolean {
    const own = this.#at_work.get(from) ?? new Set()
    if (own.has(number)) return false
    this.#at_work.set(from, own.add(number))
    return true
  }

  #decide({ mode, commands }: ForwardedItem, from: string, number: number): void {
    const { coordinator } = this.#deps
    const answer = (outcomes: readonly Outcome[]): void => this.#answer(from, number, outcomes)
    const [only] = commands
    if (mode === 'one' && only !== undefined)
      coordinator.take(only, outcome => answer([outcome]), 'forwarded')
    else if (mode === 'all' && wholeProblem(commands) === undefined) {
      const all = commands.map(({ command }) => command)
      void coordinator
        .submitAll(all, only?.has_given_id ?? false, 'forwarded')
        .then(result => answer(outcomesOf(result)))
    } else if (mode === 'each') void coordinator.submitEach(commands, 'forwarded').then(answer)
    else this.#end(from, number, reply => reply.missing.push(number))
  }

  #answer(from: string, number: number, outcomes: readonly Outcome[]): void {
    for (const outcome of outcomes) {
      if (outcome.tag === 'done' || outcome.cause === undefined) continue
      const { code, details, cause } = outcome
      // the instance that forwarded the command gets the code only
      this.#deps.log.warn(
        { code, transaction_id: details.transaction_id, err: cause },
        'a forwarded command failed',
      )
    }
    const json = outcomes.map(outcomeJson).join(',')
    const bytes = Buffer.byteLength(json)
    const waiting_bytes = this.#replies.get(from)?.bytes ?? 0
    if (waiting_bytes > 0 && waiting_bytes + bytes > this.#deps.max_payload() / 2) this.#flush()
    this.#end(from, number, reply => {
      reply.answers.push([number, json])
      reply.bytes += bytes
    })
  }

  #end(from: string, number: number, say: (reply: PendingAnswers) => void): void {
    say(this.#replyTo(from))
    const own = this.#at_work.get(from)
    own?.delete(number)
    if (own?.size === 0) this.#at_work.delete(from)
    if (this.#at_work.size > 0) return
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  /** What goes to an instance at the end of this turn. */
  #replyTo(from: string): PendingAnswers {
    const begun = this.#replies.get(from)
    if (begun !== undefined) return begun
    if (this.#replies.size === 0) queueMicrotask(() => this.#flush())
    const reply: PendingAnswers = { answers: [], missing: [], bytes: 0 }
    this.#replies.set(from, reply)
    return reply
  }

  #flush(): void {
    const { nc, id, log } = this.#deps
    for (const [to, { answers, missing }] of this.#replies) {
      try {
        nc.publish(answersSubject(to, id), encodeAnswers(answers, missing))
      } catch (err) {
        // the other instance asks for its items, and decides them itself
        log.warn({ err, instance: to }, 'the answers to another instance could not be sent')
      }
    }
    this.#replies.clear()
  }
}
