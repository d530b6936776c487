/**
 * Takes commands before the coordinator does, so that all commands meet in one of the instances (docs/adr/0035).
 *
 * Two instances that decide on the same customers at a time refuse each other's whole batches. So the instance that has been
 * there the longest decides for all, and the others give it their commands and answer their callers with what it says. That is
 * for speed alone: the stream checks the sequence of every customer, whoever decides.
 *
 *     caller ─ endpoint ─ router ─┬─ coordinator                                    this instance decides
 *                                 └─ forwards ═══ deciding ─ coordinator            another one does
 *                                       └─ coordinator (taken back)                 it did, and is not there any more
 *
 * An instance decides what others give to it, whatever it believes about who decides: nothing is forwarded twice. One that is
 * alone hands every command to its coordinator at once.
 */

import type { NatsConnection, Subscription } from 'nats'
import type { Logger } from 'pino'
import { E } from '../../fp.js'
import type { AskedCommand } from '../../ledger/command.js'
import { answerBound_ms, type GroupResult, outcomesOf, resultOf } from '../group-commit/group.js'
import type { CommandTaker, CoordinatorOptions, Submitted } from '../group-commit/ports.js'
import type { Outcome } from '../outcome.js'
import { Deciding } from './deciding.js'
import { Forwards } from './forwards.js'
import { Instances } from './instances.js'
import {
  commandsSubject,
  decodeAnswers,
  decodeRequest,
  everyAnswer,
  type ForwardedItem,
  senderOf,
} from './messages.js'

/** What a server takes in one message unless it says otherwise. */
const PAYLOAD_BYTES = 1_048_576
/** An answer of the other instance may be late by this, beyond the bound that the instance itself has. */
const LATE_MS = 2_000
const NO_RESPONDERS = 503

export type RouterDeps = {
  readonly nc: NatsConnection
  readonly log: Logger
  /** Whether this instance may decide at the moment. */
  readonly mayDecide: () => boolean
}

/** The outcome without the sign of a repetition: the caller brought no id, so it has repeated nothing. */
const withoutReplayed = (outcome: Outcome): Outcome => {
  if (outcome.tag === 'done') return { ...outcome, replayed: false }
  const { replayed: _, ...details } = outcome.details
  return { ...outcome, details }
}

export class Router implements CommandTaker {
  readonly #deps: RouterDeps
  readonly #coordinator: CommandTaker
  readonly #instances: Instances
  readonly #forwards: Forwards
  readonly #deciding: Deciding
  readonly #requests: Subscription
  readonly #answers: Subscription

  constructor(deps: RouterDeps, coordinator: CommandTaker, { queue_max, timeout_ms }: CoordinatorOptions) {
    const { nc, log, mayDecide } = deps
    const max_payload = (): number => nc.info?.max_payload ?? PAYLOAD_BYTES
    this.#deps = deps
    this.#coordinator = coordinator
    this.#instances = new Instances(deps, id => this.#forwards.lose(id))
    const { id } = this.#instances
    this.#forwards = new Forwards({
      nc,
      id,
      commands_max: queue_max,
      answer_ms_max: answerBound_ms(timeout_ms) + LATE_MS,
      max_payload,
      takeBack: item => this.#takeBack(item),
    })
    const tick = (): number => this.#instances.tick()
    this.#deciding = new Deciding({ nc, log, id, coordinator, mayDecide, tick, max_payload })
    this.#requests = this.#listen(commandsSubject(id), (_, body) => this.#heardRequest(body))
    this.#answers = this.#listen(everyAnswer(id), (subject, body, status) =>
      this.#heardAnswer(subject, body, status),
    )
  }

  /** The number of instances that are heard, this one included. */
  get instances(): number {
    return this.#instances.size
  }

  /** Whether this instance decides the commands. */
  get is_deciding(): boolean {
    return this.#instances.decider === undefined
  }

  /** Resolves when the server knows of this instance. The signs of the others come soon after. */
  async start(): Promise<void> {
    await this.#deps.nc.flush()
  }

  take(submitted: Submitted, done: (outcome: Outcome) => void): void {
    const peer = this.#instances.decider
    const is_sent =
      peer !== undefined &&
      this.#forwards.send(peer, { mode: 'one', commands: [submitted] }, ([outcome]) => {
        if (outcome === undefined) throw new Error('a forwarded command has no outcome')
        done(outcome)
      })
    if (!is_sent) this.#coordinator.take(submitted, done)
  }

  async submitEach(commands: readonly Submitted[]): Promise<Outcome[]> {
    const outcomes = await this.#forward({ mode: 'each', commands })
    return outcomes === undefined ? this.#coordinator.submitEach(commands) : [...outcomes]
  }

  async submitAll(commands: readonly AskedCommand[], has_given_ids: boolean): Promise<GroupResult> {
    const submitted = commands.map(command => ({ command, has_given_id: has_given_ids }))
    const outcomes = await this.#forward({ mode: 'all', commands: submitted })
    return outcomes === undefined ? this.#coordinator.submitAll(commands, has_given_ids) : resultOf(outcomes)
  }

  dryRunEach(commands: readonly Submitted[]): Promise<Outcome[]> {
    return this.#coordinator.dryRunEach(commands)
  }

  dryRunAll(commands: readonly Submitted[]): Promise<GroupResult> {
    return this.#coordinator.dryRunAll(commands)
  }

  /** Lets another instance decide from now on. Commands that are here, or come still, are answered. */
  leave(): void {
    this.#instances.leave()
  }

  /** Takes no more commands of other instances, answers those that it has, and ends. */
  async stop(): Promise<void> {
    const { nc, log } = this.#deps
    await this.#requests.drain().catch((err: unknown) => log.debug({ err }, 'nothing left to drain'))
    await this.#deciding.idle()
    await this.#forwards.idle()
    this.#instances.stop()
    this.#answers.unsubscribe()
    if (!nc.isClosed()) await nc.flush().catch((err: unknown) => log.debug({ err }, 'nothing left to flush'))
  }

  /** The outcomes of an item that another instance decides; undefined if none does. */
  #forward(item: ForwardedItem): Promise<readonly Outcome[] | undefined> | undefined {
    const peer = this.#instances.decider
    if (peer === undefined || item.commands.length === 0) return undefined
    return new Promise(resolve => {
      if (!this.#forwards.send(peer, item, resolve)) resolve(undefined)
    })
  }

  /** Decides a forwarded item here. Its ids are looked up first, because the other instance may have stored it. */
  async #takeBack({ mode, commands }: ForwardedItem): Promise<readonly Outcome[]> {
    const known = commands.map(({ command }) => ({ command, has_given_id: true }))
    const outcomes =
      mode === 'all'
        ? outcomesOf(
            await this.#coordinator.submitAll(
              known.map(({ command }) => command),
              true,
              'taken back',
            ),
          )
        : await this.#coordinator.submitEach(known, 'taken back')
    return outcomes.map((outcome, i) =>
      commands[i]?.has_given_id === true ? outcome : withoutReplayed(outcome),
    )
  }

  #listen(
    subject: string,
    onMessage: (subject: string, body: Uint8Array, status: number) => void,
  ): Subscription {
    const { nc, log } = this.#deps
    return nc.subscribe(subject, {
      callback: (error, msg) => {
        if (error === null) onMessage(msg.subject, msg.data, msg.headers?.code ?? 0)
        else log.error({ subject, err: error }, 'the server ended a subscription to other instances')
      },
    })
  }

  #heardRequest(body: Uint8Array): void {
    const request = decodeRequest(body)
    if (E.isRight(request)) this.#deciding.handle(request.right)
    // its sender asks for its items, and decides them itself
    else this.#deps.log.warn({ reason: request.left }, 'commands of another instance could not be read')
  }

  #heardAnswer(subject: string, body: Uint8Array, status: number): void {
    const from = senderOf(subject, 'answer')
    if (from === undefined) return
    if (status === NO_RESPONDERS) {
      this.#instances.lose(from)
      return
    }
    this.#instances.hearWord(from)
    const answers = decodeAnswers(body)
    if (E.isRight(answers)) this.#forwards.answer(from, answers.right)
    else
      this.#deps.log.warn({ reason: answers.left, from }, 'the answer of another instance could not be read')
  }
}
