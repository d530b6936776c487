/**
 * Gives commands to the instance that decides, and takes them back when it does not answer.
 *
 * Commands that come in one turn leave in one message. An item is open from then on until the other instance answers it, or is
 * not there any more, or says that it does not have it: then its commands are decided here after all. The other instance may
 * have stored them, so they are decided like commands that were sent before (`taken back`).
 */

import type { NatsConnection } from 'nats'
import type { AskedCommand } from '../../ledger/command.js'
import { metrics } from '../../metrics.js'
import { failed, type Outcome } from '../outcome.js'
import {
  type Answers,
  answersSubject,
  commandsSubject,
  encodeCommand,
  encodeQuestion,
  FORWARD_COMMANDS_MAX,
  type ForwardedItem,
  ForwardText,
} from './messages.js'
import type { Peer } from './roster.js'

const CHECK_EVERY_MS = 250
/** The other instance is asked about items that are open for so long: their commands, or their answers, may have been lost. */
const ASK_AFTER_MS = 750
/** An instance that says nothing for so long after it was asked does not hear this one, or is not heard. */
const SAYS_NOTHING_MS_MAX = 1_500
/** The most bytes that the outcome of one command takes in an answer. */
const OUTCOME_BYTES_MAX = 900
const ANSWER_HEAD_BYTES = 1_024

const forwarded = metrics.counter(
  'jetledger_forwarded_commands_total',
  'Commands that were given to the instance that decides',
)
const taken_back = metrics.counter(
  'jetledger_commands_taken_back_total',
  'Forwarded commands that were decided here, because the other instance did not answer',
)

type Open = {
  readonly item: ForwardedItem
  readonly peer: string
  readonly sent_ms: number
  readonly done: (outcomes: readonly Outcome[]) => void
}

export type ForwardsOptions = {
  readonly nc: Pick<NatsConnection, 'publish' | 'isClosed'>
  /** The id of this instance. */
  readonly id: string
  /** The most commands that may be open. */
  readonly commands_max: number
  /** The longest time in which an instance answers a command, in milliseconds. */
  readonly answer_ms_max: number
  /** The largest message that the server takes, in bytes. */
  readonly max_payload: () => number
  /** Decides an item here. Never rejects. */
  readonly takeBack: (item: ForwardedItem) => Promise<readonly Outcome[]>
}

const failAll = ({ commands }: ForwardedItem, code: 'BUSY' | 'OUTCOME_UNKNOWN'): Outcome[] =>
  commands.map(({ command }) => failed(code, { transaction_id: command.transaction_id }))

/** Whether an outcome is about this command: an answer that is not is no answer. */
const isAbout = (outcome: Outcome, command: AskedCommand | undefined): boolean => {
  if (outcome.tag === 'failed') return true
  const { transaction_id, reverses } = outcome.reply
  return command?.type === 'reverse'
    ? reverses === command.reverses
    : transaction_id === command?.transaction_id
}

const fits = ({ mode, commands }: ForwardedItem, outcomes: readonly Outcome[]): boolean => {
  if (mode === 'all' && outcomes.length === 1 && outcomes[0]?.tag === 'failed') return true
  if (mode === 'all' && outcomes.some(({ tag }) => tag === 'failed')) return false
  return (
    outcomes.length === commands.length &&
    outcomes.every((outcome, i) => isAbout(outcome, commands[i]?.command))
  )
}

export class Forwards {
  readonly #options: ForwardsOptions
  /** In the order in which they were sent, by their number. */
  readonly #open = new Map<number, Open>()
  #open_commands = 0
  #next = 1
  #text = new ForwardText()
  /** The number of the first item of the text, and its receiver. */
  #first = 1
  #receiver: Peer | undefined
  #timer: NodeJS.Timeout | undefined
  /** The time of the first question that an instance was asked since it has answered anything. */
  readonly #unanswered = new Map<string, number>()
  #waiting: (() => void)[] = []

  constructor(options: ForwardsOptions) {
    this.#options = options
  }

  /** Gives `item` to `peer`; `done` is called once. False: it is too large for one message, and nothing was done. */
  send(peer: Peer, item: ForwardedItem, done: Open['done']): boolean {
    const { commands } = item
    if (this.#open_commands + commands.length > this.#options.commands_max) {
      done(failAll(item, 'BUSY'))
      return true
    }
    const lines = commands.map(encodeCommand)
    const bytes = lines.reduce((sum, line) => sum + Buffer.byteLength(line) + 1, 0)
    const max_payload = this.#options.max_payload()
    const bytes_max = max_payload / 2
    const answer_bytes = commands.length * OUTCOME_BYTES_MAX + ANSWER_HEAD_BYTES
    if (bytes > bytes_max || answer_bytes > max_payload || commands.length > FORWARD_COMMANDS_MAX)
      return false
    const is_full =
      this.#text.commands + commands.length > FORWARD_COMMANDS_MAX || this.#text.bytes + bytes > bytes_max
    if (is_full || this.#receiver?.id !== peer.id) this.#flush()
    if (this.#receiver === undefined) setImmediate(() => this.#flush())
    this.#receiver = peer
    this.#text.add(item.mode, lines, bytes)
    this.#open.set(this.#next, { item, peer: peer.id, sent_ms: performance.now(), done })
    this.#next += 1
    this.#open_commands += commands.length
    forwarded.inc({}, commands.length)
    this.#timer ??= setInterval(() => this.#check(), CHECK_EVERY_MS).unref()
    return true
  }

  /** Takes what the instance `peer` says of items. */
  answer(peer: string, { answers, missing }: Answers): void {
    this.#unanswered.delete(peer)
    for (const [number, outcomes] of answers) {
      const open = this.#open.get(number)
      if (open?.peer !== peer) continue
      if (outcomes !== undefined && fits(open.item, outcomes)) this.#end(number, open, outcomes)
      else this.#takeBack(number, open)
    }
    for (const number of missing) {
      const open = this.#open.get(number)
      if (open?.peer === peer) this.#takeBack(number, open)
    }
  }

  /** Takes back everything that the instance `peer` has. */
  lose(peer: string): void {
    for (const [number, open] of this.#open) if (open.peer === peer) this.#takeBack(number, open)
  }

  /** Resolves when nothing is open. */
  idle(): Promise<void> {
    return new Promise(resolve => {
      if (this.#open_commands === 0) resolve()
      else this.#waiting.push(resolve)
    })
  }

  #flush(): void {
    const receiver = this.#receiver
    if (receiver === undefined) return
    const { id } = this.#options
    const text = this.#text.text({ from: id, tick: receiver.tick, first: this.#first })
    this.#text = new ForwardText()
    this.#first = this.#next
    this.#receiver = undefined
    this.#publish(receiver.id, text)
  }

  /** Nobody answers to the reply subject but nats-server, at once, when nobody listens for the commands. */
  #publish(peer: string, text: string): void {
    const { nc, id } = this.#options
    if (!nc.isClosed()) nc.publish(commandsSubject(peer), text, { reply: answersSubject(id, peer) })
  }

  #end(number: number, open: Open, outcomes: readonly Outcome[]): void {
    this.#open.delete(number)
    this.#finish(open, outcomes)
  }

  #takeBack(number: number, open: Open): void {
    this.#open.delete(number)
    taken_back.inc({}, open.item.commands.length)
    void this.#options.takeBack(open.item).then(outcomes => this.#finish(open, outcomes))
  }

  #finish({ item, done }: Open, outcomes: readonly Outcome[]): void {
    this.#open_commands -= item.commands.length
    done(outcomes)
    if (this.#open_commands > 0) return
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  #check(): void {
    const now_ms = performance.now()
    const asks = new Map<string, number[]>()
    for (const [number, open] of this.#open) {
      const open_ms = now_ms - open.sent_ms
      if (open_ms < ASK_AFTER_MS) break
      if (open_ms > this.#options.answer_ms_max) {
        this.#end(number, open, failAll(open.item, 'OUTCOME_UNKNOWN'))
        continue
      }
      const asked = asks.get(open.peer) ?? []
      if (asked.length < FORWARD_COMMANDS_MAX) asked.push(number)
      asks.set(open.peer, asked)
    }
    for (const [peer, numbers] of asks) this.#ask(peer, numbers, now_ms)
    if (this.#open.size > 0) return
    this.#unanswered.clear()
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  /** Asks an instance about items. One that was asked before and has said nothing since loses everything that it has. */
  #ask(peer: string, asks: readonly number[], now_ms: number): void {
    const asked_ms = this.#unanswered.get(peer)
    if (asked_ms !== undefined && now_ms - asked_ms > SAYS_NOTHING_MS_MAX) {
      this.#unanswered.delete(peer)
      this.lose(peer)
      return
    }
    if (asked_ms === undefined) this.#unanswered.set(peer, now_ms)
    this.#publish(peer, encodeQuestion({ from: this.#options.id, asks }))
  }
}
