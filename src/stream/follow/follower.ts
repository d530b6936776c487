/**
 * Follows the ledger stream for as long as the process lives: every event, in stream order, without a gap.
 *
 * All followers of a connection get the newest events from one reader (tail.ts). At the beginning of each of its lives, a
 * follower reads by itself what it lacks, and then takes what comes. A stream that was made anew, or set back behind what was
 * followed, is another stream for a follower: it begins anew.
 */

import type { JetStreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from 'nats'
import type { Logger } from 'pino'
import { type BackOff, pause } from '../../back-off.js'
import { E } from '../../fp.js'
import type { Health } from '../../health.js'
import { nextKnown, readPages } from '../read.js'
import { isSameMessage, type Recorded, SetBack } from '../recorded.js'
import { forgetAll } from '../set-back.js'
import { LEDGER_STREAM, LEDGER_SUBJECTS } from '../settings.js'
import { type Tail, tailOf } from './tail.js'

export type FollowDeps = {
  readonly nc: NatsConnection
  readonly jsm: JetStreamManager
  readonly log: Logger
  readonly health: Health
}

/** An event as it is followed. */
export type Followed = {
  readonly seq: number
  readonly subject: string
  readonly data: Uint8Array
  /** The time at which it was stored, by the server's clock. */
  readonly time: Date
}

/** The stream at the beginning of a life. */
type Place = {
  /**
   * What was followed before means nothing in this stream: it was made anew, or set back and has lost events that were
   * followed, or this is the first life.
   */
  readonly is_new_stream: boolean
  /** The time at which the stream was made, as its server reports it. */
  readonly created: string
  /** A recent end of the stream; it may be out of date, and is too early then. */
  readonly last_seq: number
}

/** What a part of the program does with the events of the stream. */
export type EventHandler = {
  /** The sequence of the last event that was taken. */
  readonly position: () => number
  /** The last event that was taken, for a receiver that takes events by itself while a life begins. */
  readonly newest?: () => Followed | undefined
  /** Prepares a life, and may move `position`. A rejection ends the life. */
  readonly begin: (place: Place, signal: AbortSignal) => Promise<void> | void
  /** Takes the next event. */
  readonly take: (event: Followed) => void
  /** Is called when `take` has thrown: a fault of this program. The next event comes after `event`. */
  readonly failed: (event: Followed) => void
}

export type Follower = {
  /**
   * Follows up to the stream's end now. True when a server has shown, after the call, that it has everything that was followed
   * before the call: so a proof of the stream's end from before the call is about the stream that is followed.
   */
  readonly confirm: () => Promise<boolean>
  /** Begins a new life at the same place, for a follower that stands still although there are more events. */
  readonly renew: () => void
  readonly stop: () => Promise<void>
}

const BACK_OFF: BackOff = { first_ms: 20, max_ms: 2_000 }

/** An event whose time is decoded only when it is used. */
class FollowedEvent implements Followed {
  readonly seq: number
  readonly subject: string
  readonly data: Uint8Array
  private readonly recorded: Recorded

  constructor(recorded: Recorded) {
    this.seq = recorded.seq
    this.subject = recorded.subject
    this.data = recorded.body
    this.recorded = recorded
  }

  get time(): Date {
    return this.recorded.at
  }
}

const isSetBack = (thrown: unknown): boolean =>
  thrown instanceof SetBack || (thrown instanceof Error && thrown.cause instanceof SetBack)

const messageOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown))

/** The events of the stream for one handler, in order: what it has taken last, and whether the tail's next event is its own. */
class Line {
  /** The stream that is followed; undefined before the first life, and after it was set back. */
  created: string | undefined
  /** The number of times that the stream was forgotten. */
  beginnings = 0
  has_joined = false
  #newest: Recorded | undefined
  /** The handler's position after the last event that it was given. */
  #position = 0
  readonly #log: Logger
  readonly #part: string
  readonly #handler: EventHandler

  constructor(log: Logger, part: string, handler: EventHandler) {
    this.#log = log
    this.#part = part
    this.#handler = handler
  }

  /** Gives events to the handler. Throws when the handler has moved its position by itself: it has to begin anew. */
  take(events: readonly Recorded[]): void {
    if (this.#handler.position() !== this.#position) throw new Error('the receiver of events has begun anew')
    for (const recorded of events) {
      const event = new FollowedEvent(recorded)
      try {
        this.#handler.take(event)
      } catch (err) {
        const { seq, subject } = event
        this.#log.error({ seq, subject, err }, `${this.#part}: an event could not be followed`)
        this.#handler.failed(event)
      }
      this.#newest = recorded
      this.#position = recorded.seq
    }
  }

  /** Forgets the stream: what was taken means nothing any more. */
  forget(): void {
    this.created = undefined
    this.beginnings += 1
    this.#newest = undefined
  }

  /** The last event that was taken, also while the handler takes events by itself. */
  #last(): Recorded | undefined {
    const own = this.#handler.newest?.()
    if (own === undefined || own.seq === this.#newest?.seq) return this.#newest
    return { seq: own.seq, subject: own.subject, body: own.data, at: own.time }
  }

  /** Whether a replica has the last event that was taken. */
  async isStored(nc: NatsConnection): Promise<boolean> {
    const last = this.#last()
    if (last === undefined) return true
    const found = await nextKnown(nc, LEDGER_STREAM, LEDGER_SUBJECTS, last.seq)()
    return E.isRight(found) && found.right !== undefined && isSameMessage(found.right, last)
  }

  /** Notes where the handler begins in a life; `newest` is the newest event of the stream, to which it may have moved. */
  settle(newest: Recorded | undefined): void {
    this.#position = this.#handler.position()
    const known = [this.#last(), newest]
    this.#newest = known.find(event => event?.seq === this.#position)
  }

  /**
   * Joins the tail if the handler has every event up to `newest`. Throws `SetBack` when what the handler has is not what the stream
   * has.
   */
  join(newest: Recorded | undefined): boolean {
    const newest_seq = newest?.seq ?? 0
    const last = this.#newest
    if (this.#position > newest_seq)
      throw new SetBack(`the stream ends at ${newest_seq}, before sequence ${this.#position}`)
    if (this.#position < newest_seq) return false
    if (newest !== undefined && last !== undefined && !isSameMessage(newest, last))
      throw new SetBack(`sequence ${newest_seq} holds another event than before`)
    this.#newest = newest
    this.has_joined = true
    return true
  }

  /** Reads what the handler lacks until it has joined the tail, or `signal` aborts. */
  async catchUp(nc: NatsConnection, tail: Pick<Tail, 'place'>, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const newest = tail.place()?.newest
      if (this.join(newest)) return
      const range = {
        stream: LEDGER_STREAM,
        subject: LEDGER_SUBJECTS,
        from_seq: this.#position + 1,
        to_seq: newest?.seq ?? 0,
        after: this.#newest,
      }
      for await (const page of readPages(nc, range)) {
        if (signal.aborted) return
        this.take(page)
      }
    }
  }
}

/** Starts following in the background; it ends with `stop` only. `part` is its name in health. */
export const startFollower = (deps: FollowDeps, part: string, handler: EventHandler): Follower => {
  const { nc, log, health } = deps
  const tail = tailOf(deps)
  const line = new Line(log, part, handler)
  const ending = new AbortController()
  let joining = Promise.resolve()

  const report = (thrown: unknown): void => {
    log.warn({ err: thrown }, `${part}: the stream cannot be followed; it is tried again`)
    health.report(part, 'degraded', messageOf(thrown))
  }

  /** Forgets the stream, and all that this process remembers of its events. */
  const forget = (): void => {
    line.forget()
    forgetAll(nc)
  }

  const begin = async (signal: AbortSignal): Promise<void> => {
    // the newest event may have been read a while ago
    await tail.confirm()
    const place = tail.place()
    if (place === undefined || signal.aborted) return
    const { created, newest } = place
    const is_new_stream = line.created !== created
    if (is_new_stream) forget()
    await handler.begin({ is_new_stream, created, last_seq: newest?.seq ?? 0 }, signal)
    line.created = created
    line.settle(newest)
    await line.catchUp(nc, tail, signal)
    if (line.has_joined) health.report(part, 'ok')
  }

  const beginUntilJoined = async (signal: AbortSignal): Promise<void> => {
    for (let attempt = 1; !signal.aborted && !line.has_joined; attempt += 1) {
      try {
        await begin(signal)
      } catch (thrown) {
        if (signal.aborted) return
        if (isSetBack(thrown)) {
          log.error(
            { err: thrown, position: handler.position() },
            `${part}: the stream was set back; it is followed anew`,
          )
          forget()
        } else report(thrown)
        await pause(BACK_OFF, attempt, signal)
      }
    }
  }

  const member = {
    begin: (life: AbortSignal): void => {
      line.has_joined = false
      const signal = AbortSignal.any([life, ending.signal])
      joining = joining.then(() => beginUntilJoined(signal))
    },
    take: (events: readonly Recorded[]): void => {
      if (!line.has_joined || ending.signal.aborted) return
      try {
        line.take(events)
      } catch (thrown) {
        line.has_joined = false
        report(thrown)
      }
    },
    failed: (thrown: unknown): void => {
      line.has_joined = false
      report(thrown)
    },
  }
  tail.join(member)

  return {
    confirm: async () => {
      const { beginnings, has_joined } = line
      const is_confirmed = await (has_joined ? tail.confirm() : line.isStored(nc))
      return is_confirmed && line.beginnings === beginnings
    },
    renew: tail.renew,
    stop: async () => {
      ending.abort()
      tail.leave(member)
      await joining
    },
  }
}
