/**
 * Follows the stream for as long as the process lives: every event, in stream order, without a gap.
 *
 * It lives several lives, one after the other. Each is an ordered consumer that begins after the last event that was
 * followed, so a reconnect, a lost consumer or a new leader leaves no event out. Sequences have no holes in a ledger from
 * which nothing is deleted. A jump is believed only when a server names the next event: an event that it has does exist.
 */

import { type ConsumerMessages, DeliverPolicy, type JsMsg, jetstream, ReplayPolicy } from '@nats-io/jetstream'
import { type BackOff, pause } from '../../back-off.js'
import { E } from '../../fp.js'
import { type ClientId, clientIdOf } from '../../ledger/client-id.js'
import { type Decoded, decodeMovement } from '../../ledger/event.js'
import { API_TIMEOUT_MS } from '../../stream/provision.js'
import { nextRecorded } from '../../stream/read.js'
import { LEDGER_STREAM, LEDGER_SUBJECTS } from '../../stream/settings.js'
import type { QueryDeps } from '../deps.js'

/** The receiver of the stream's events. */
export type Sink = {
  readonly position: () => number
  readonly follow: (seq: number, id: ClientId | undefined, decoded: Decoded) => void
  readonly restart: (position: number) => void
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
/** With a longer lag it is quicker to forget every customer in memory and to begin at the stream's end. */
const CATCH_UP_EVENTS_MAX = 100_000

/** The parts of an event that the fold needs: the others, like metadata, would only fill the memory. */
const essence = (decoded: Decoded): Decoded =>
  decoded.tag === 'event'
    ? { tag: 'event', event: { type: decoded.event.type, amount: decoded.event.amount } }
    : decoded

const idOf = (subject: string): ClientId | undefined => {
  const id = clientIdOf(subject)
  return E.isRight(id) ? id.right : undefined
}

/** Starts following in the background; it ends with `stop` only. */
export const startFollower = ({ nc, jsm, log, health }: QueryDeps, sink: Sink): Follower => {
  const ending = new AbortController()
  const { signal } = ending
  let messages: ConsumerMessages | undefined
  /** The creation time tells one stream from another: one that was created again begins at 1 again. */
  let stream_created: string | undefined
  /** The sequence of the event after a hole, as a server confirmed it. */
  let after_hole: number | undefined
  let has_jumped = false

  const take = ({ seq, subject, data }: JsMsg): void => {
    // an ordered consumer that starts itself anew may repeat events
    if (has_jumped || seq <= sink.position()) return
    if (seq === sink.position() + 1 || seq === after_hole) {
      try {
        sink.follow(seq, idOf(subject), essence(decodeMovement(data)))
      } catch (err) {
        // our own code failed at this event: customers in memory may miss it, so the memory begins anew after it
        log.error({ seq, subject, err }, 'an event could not be followed; the memory begins anew')
        sink.restart(seq)
      }
      return
    }
    has_jumped = true
    void messages?.close()
  }

  const findPlace = async (): Promise<void> => {
    // an out-of-date end is too early, and only means that more events are followed
    const { created, state } = await jsm.streams.info(LEDGER_STREAM)
    const to_catch_up = state.last_seq - sink.position()
    if (stream_created !== created || to_catch_up > CATCH_UP_EVENTS_MAX) sink.restart(state.last_seq)
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
    health.report('hot set', 'ok')
    if (signal.aborted) await messages.close()
    const ended = await messages.closed()
    if (ended instanceof Error) throw ended
  }

  const liveOnce = async (): Promise<void> => {
    try {
      await live()
    } catch (thrown) {
      if (signal.aborted) return
      log.warn({ err: thrown }, 'the stream cannot be followed; it is tried again')
      health.report('hot set', 'degraded', thrown instanceof Error ? thrown.message : String(thrown))
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
