/**
 * Tells the other instances of the command side that this one is alive, and hears it from them.
 *
 * Each instance sends a sign on a core NATS subject five times a second, at once when it hears a new instance, and when it
 * leaves. Nothing of it is stored.
 */

import type { NatsConnection, Subscription } from 'nats'
import type { Logger } from 'pino'
import { E } from '../../fp.js'
import { metrics } from '../../metrics.js'
import { randomId } from '../../random-id.js'
import { decodeSign, EVERY_SIGN, encodeSign, type Sign, senderOf, signSubject } from './messages.js'
import { type Peer, Roster } from './roster.js'

const SIGN_EVERY_MS = 200
/** A timer that is later than this was held up: the process stood still, and could not hear the others either. */
const LATE_MS_MAX = 100

const instances_heard = metrics.gauge(
  'jetledger_command_instances',
  'Instances of the command side that this one hears, itself included',
)

const is_deciding = metrics.gauge(
  'jetledger_command_decider',
  'Whether this instance decides the commands: 1 in one instance, 0 in the others',
)

export type InstancesDeps = {
  readonly nc: NatsConnection
  readonly log: Logger
  /** Whether this instance may decide at the moment; while it may not, it gives no sign. */
  readonly mayDecide: () => boolean
}

export class Instances {
  readonly id = randomId()
  readonly #since = Date.now()
  readonly #roster = new Roster({ id: this.id, since: this.#since })
  readonly #deps: InstancesDeps
  readonly #onLost: (id: string) => void
  readonly #subscription: Subscription
  readonly #timer: NodeJS.Timeout
  readonly #untrack = [
    instances_heard.track(() => this.size),
    is_deciding.track(() => (this.decider === undefined ? 1 : 0)),
  ]
  #state: Sign['state'] = 'serving'
  #checked_ms = performance.now()
  #known_decider: string | undefined

  /** `onLost` is called with the id of an instance that is not there any more. */
  constructor(deps: InstancesDeps, onLost: (id: string) => void) {
    this.#deps = deps
    this.#onLost = onLost
    this.#subscription = deps.nc.subscribe(EVERY_SIGN, {
      callback: (error, { subject, data }) => {
        if (error === null) this.#hear(senderOf(subject, 'sign'), data)
        else
          deps.log.error({ err: error }, 'the server ended the subscription to the signs of other instances')
      },
    })
    this.#timer = setInterval(() => this.#check(), SIGN_EVERY_MS)
    this.#timer.unref()
    this.#send()
  }

  /** The number of instances that are heard, this one included. */
  get size(): number {
    return this.#roster.size + 1
  }

  /** The other instance that decides; undefined while this one does. */
  get decider(): Peer | undefined {
    return this.#roster.decider
  }

  /** The time on the clock of the signs, in milliseconds. */
  tick(): number {
    return Math.floor(performance.now())
  }

  /** Notes that another instance has said something else than a sign. */
  hearWord(id: string): void {
    this.#roster.hearWord(id, performance.now())
  }

  /** The instance does not take commands any more, as nats-server says. It comes back with its next sign. */
  lose(id: string): void {
    this.#roster.drop(id)
    this.#onLost(id)
    this.#tellDecider()
  }

  /** Tells the others that they should send nothing more. */
  leave(): void {
    this.#state = 'leaving'
    this.#roster.leave()
    this.#send()
    this.#tellDecider()
  }

  /** Tells the others that everything is answered, and ends. */
  stop(): void {
    this.#state = 'gone'
    this.#send()
    clearInterval(this.#timer)
    this.#subscription.unsubscribe()
    for (const untrack of this.#untrack) untrack()
  }

  #send(): void {
    if (this.#deps.nc.isClosed() || (this.#state === 'serving' && !this.#deps.mayDecide())) return
    const sign = { since: this.#since, tick: this.tick(), state: this.#state }
    this.#deps.nc.publish(signSubject(this.id), encodeSign(sign))
  }

  #hear(id: string | undefined, body: Uint8Array): void {
    const sign = decodeSign(body)
    if (id === undefined || id === this.id || E.isLeft(sign)) return
    const is_new = this.#roster.hear(id, sign.right, performance.now())
    // so that it need not wait for the next sign to know this instance
    if (is_new) this.#send()
    if (sign.right.state === 'gone') this.#onLost(id)
    this.#tellDecider()
  }

  #check(): void {
    const now_ms = performance.now()
    const late_ms = now_ms - this.#checked_ms - SIGN_EVERY_MS
    this.#checked_ms = now_ms
    if (late_ms > LATE_MS_MAX) this.#roster.forgive(late_ms)
    this.#send()
    for (const id of this.#roster.dropSilent(now_ms)) this.#onLost(id)
    this.#tellDecider()
  }

  #tellDecider(): void {
    const now = this.#roster.decider?.id
    if (now === this.#known_decider) return
    this.#known_decider = now
    this.#deps.log.info(
      { instance: this.id, deciding: now ?? this.id },
      now === undefined ? 'commands are decided here' : 'commands are decided by another instance',
    )
  }
}
