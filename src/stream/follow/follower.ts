/**
 * Follows the ledger stream for as long as the process lives: every event, in stream order, without a gap.
 *
 * It lives several lives, one after the other. Each is an ordered consumer that begins after the last event that was
 * followed, so a reconnect, a lost consumer or a new leader leaves no event out. Sequences have no holes in a ledger from
 * which nothing is deleted. A jump is believed only when a server names the next event: an event that it has does exist.
 */

import {
  type ConsumerMessages,
  DeliverPolicy,
  type JetStreamManager,
  jetstream,
  ReplayPolicy,
} from '@nats-io/jetstream'
import type { NatsConnection } from 'nats'
import type { Logger } from 'pino'
import { type BackOff, pause } from '../../back-off.js'
import { E } from '../../fp.js'
import type { Health } from '../../health.js'
import { API_TIMEOUT_MS } from '../provision.js'
import { nextRecorded } from '../read.js'
import { LEDGER_STREAM, LEDGER_SUBJECTS } from '../settings.js'

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
  /** The stream was made anew since the last life, or this is the first one: sequences of before mean nothing in it. */
  readonly is_new_stream: boolean
  /** The time at which the stream was made, as its server reports it. */
  readonly created: string
  /** A recent end of the stream; it may be out of date, and is too early then. */
  readonly last_seq: number
}

/** The receiver of the stream's events. */
export type Sink = {
  /** The sequence of the last event that was taken. */
  readonly position: () => number
  /** Prepares a life, and may move `position`. A rejection ends the life. */
  readonly begin: (place: Place, signal: AbortSignal) => Promise<void> | void
  /** Takes the next event. */
  readonly take: (event: Followed) => void
  /** Is called when `take` has thrown: a fault of this program. The next event comes after `event`. */
  readonly failed: (event: Followed) => void
}

export type Follower = {
  /** Begins a new life at the same place, for a follower that stands still although there are more events. */
  readonly renew: () => void
  readonly stop: () => Promise<void>
}

const BACK_OFF: BackOff = { first_ms: 20, max_ms: 2_000 }
const READ_AHEAD_MESSAGES = 5_000
/** The heartbeat is half of this, so the death of a consumer's server is noticed within seconds. */
const PULL_EXPIRES_MS = 2_000

/** Starts following in the background; it ends with `stop` only. `part` is its name in health. */
export const startFollower = ({ nc, jsm, log, health }: FollowDeps, part: string, sink: Sink): Follower => {
  const ending = new AbortController()
  const { signal } = ending
  let messages: ConsumerMessages | undefined
  /** The creation time tells one stream from another: one that was created again begins at 1 again. */
  let stream_created: string | undefined
  /** The sequence of the event after a hole, as a server confirmed it. */
  let after_hole: number | undefined
  let has_jumped = false

  const take = (event: Followed): void => {
    const { seq } = event
    // an ordered consumer that starts itself anew may repeat events
    if (has_jumped || seq <= sink.position()) return
    if (seq === sink.position() + 1 || seq === after_hole) {
      try {
        sink.take(event)
      } catch (err) {
        log.error({ seq, subject: event.subject, err }, `${part}: an event could not be followed`)
        sink.failed(event)
      }
      return
    }
    has_jumped = true
    void messages?.close()
  }

  const findPlace = async (): Promise<void> => {
    const { created, state } = await jsm.streams.info(LEDGER_STREAM)
    const is_new_stream = stream_created !== created
    await sink.begin({ is_new_stream, created, last_seq: state.last_seq }, signal)
    stream_created = created
    if (!has_jumped) return
    const next = await nextRecorded(jsm, LEDGER_STREAM, LEDGER_SUBJECTS, sink.position() + 1)()
    if (E.isRight(next)) after_hole = next.right?.seq
    has_jumped = false
  }

  const live = async (): Promise<void> => {
    await findPlace()
    const consumer = await jetstream(nc, { timeout: API_TIMEOUT_MS }).consumers.get(LEDGER_STREAM, {
      filter_subjects: LEDGER_SUBJECTS,
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: sink.position() + 1,
      replay_policy: ReplayPolicy.Instant,
    })
    if (signal.aborted) return
    messages = await consumer.consume({
      max_messages: READ_AHEAD_MESSAGES,
      expires: PULL_EXPIRES_MS,
      callback: take,
    })
    health.report(part, 'ok')
    if (signal.aborted) await messages.close()
    const ended = await messages.closed()
    if (ended instanceof Error) throw ended
  }

  const liveOnce = async (): Promise<void> => {
    try {
      await live()
    } catch (thrown) {
      if (signal.aborted) return
      log.warn({ err: thrown }, `${part}: the stream cannot be followed; it is tried again`)
      health.report(part, 'degraded', thrown instanceof Error ? thrown.message : String(thrown))
    }
  }

  const followUntilStopped = async (): Promise<void> => {
    for (let attempt = 1; !signal.aborted; attempt += 1) {
      const began_ms = performance.now()
      await liveOnce()
      if (performance.now() - began_ms > BACK_OFF.max_ms) attempt = 1
      await pause(BACK_OFF, attempt, signal)
    }
  }

  const ended = followUntilStopped()
  return {
    renew: () => void messages?.close(),
    stop: async () => {
      ending.abort()
      await messages?.close()
      await ended
    },
  }
}
