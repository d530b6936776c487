/**
 * Reads the newest events of the ledger for all followers of a connection: each event is asked for, sent and decoded once.
 *
 * It has no consumer: it asks a replica for what comes after its newest event, by direct gets. Each request begins with that
 * event itself. So a replica that answers has the log of which the followers have a part, and a stream that was set back, or
 * made anew, is noticed by the next request (docs/adr/0042). While events come it asks every 10 ms, else more and more
 * seldom; a writer of this process wakes it (`wakeFollowers`), and so does a reader that needs the end now (`confirm`).
 *
 * It lives several lives, one after the other (tail-life.ts). A life begins at a proved end of the stream, and ends when no replica answers,
 * or when one has another event in the place of the newest.
 */

import type { NatsConnection } from 'nats'
import { type BackOff, pause } from '../../back-off.js'
import { Failed, run } from '../../fp.js'
import { type StreamError, tryStream } from '../errors.js'
import { leadershipOf } from '../leadership.js'
import type { Recorded } from '../recorded.js'
import { LEDGER_STREAM, LEDGER_SUBJECTS } from '../settings.js'
import { createNap, type NapOptions, onStored } from './nap.js'
import { type TailDeps, TailLife, type TailPlace } from './tail-life.js'

/** A follower, as the tail sees it. */
type Member = {
  /** A life begins; `signal` aborts at its end. */
  readonly begin: (signal: AbortSignal) => void
  /** Takes the next events of the stream; those before them were given earlier in this life, or are before its place. */
  readonly take: (events: readonly Recorded[]) => void
  /** The life has ended; the next one is tried soon. */
  readonly failed: (thrown: unknown) => void
}

export type Tail = {
  readonly join: (member: Member) => void
  /** The member is given nothing more. Without members the tail ends, once the request that is under way has ended. */
  readonly leave: (member: Member) => void
  /** The newest event that was read. Undefined: no life has begun. */
  readonly place: () => TailPlace | undefined
  /**
   * Asks for the newest events once more. True when a server has shown, after the call, that it has the newest event that was
   * read before the call: then the stream has not been set back behind it.
   */
  readonly confirm: () => Promise<boolean>
  /** Begins a new life. */
  readonly renew: () => void
}

const BACK_OFF: BackOff = { first_ms: 20, max_ms: 2_000 }
/** While events come, a request is sent so often, and sooner when this process has stored something. */
const NAPS: NapOptions = { first_ms: 10, max_ms: 250, woken_ms: 2 }

const behind = (found_seq: number, last_seq: number): StreamError => ({
  tag: 'TryAgain',
  message: `the server that answers has the events up to ${found_seq} of ${last_seq} only`,
})

/** The stream with its newest event, as of a proved end. */
const findPlace = async ({ nc, jsm }: TailDeps): Promise<TailPlace> => {
  const { created, first_seq, last_seq, messages } = await run(leadershipOf(nc).prove())
  if (messages === 0) return { created, newest: undefined }
  const found = await run(
    tryStream(`the newest event of ${LEDGER_STREAM}`, () =>
      jsm.streams.getMessage(LEDGER_STREAM, { last_by_subj: LEDGER_SUBJECTS }),
    ),
  )
  // a stream from which events were removed by hand may end with a hole
  const is_whole = messages > last_seq - first_seq
  if (found === null || (is_whole && found.seq < last_seq))
    throw new Failed(behind(found?.seq ?? 0, last_seq))
  const { seq, subject, data: body, header: headers, time: at } = found
  return { created, newest: { seq, subject, body, headers, at } }
}

const createTail = (deps: TailDeps, onEmpty: () => void): Tail => {
  const members = new Set<Member>()
  const nap = createNap(NAPS)
  const ending = new AbortController()
  let renewing = new AbortController()
  let life: TailLife | undefined
  let has_begun = false

  const give = (events: readonly Recorded[]): void => {
    nap.reset()
    for (const member of members) member.take(events)
  }

  const live = async (signal: AbortSignal): Promise<void> => {
    const own = new TailLife(deps, await findPlace(deps), signal, give)
    life = own
    nap.reset()
    for (const member of members) member.begin(signal)
    while (!signal.aborted) {
      const result = await own.step()
      if (result.tag === 'failed') throw result.thrown
      if (!result.is_full) await nap.take(signal)
    }
  }

  const liveOnce = async (): Promise<void> => {
    renewing = new AbortController()
    try {
      await live(AbortSignal.any([renewing.signal, ending.signal]))
    } catch (thrown) {
      if (!ending.signal.aborted) for (const member of members) member.failed(thrown)
    } finally {
      renewing.abort()
      life = undefined
    }
  }

  const liveUntilStopped = async (): Promise<void> => {
    const { signal } = ending
    const endListening = onStored(deps.nc, nap.wake)
    for (let attempt = 1; !signal.aborted; attempt += 1) {
      const began_ms = performance.now()
      await liveOnce()
      if (performance.now() - began_ms > BACK_OFF.max_ms) attempt = 1
      await pause(BACK_OFF, attempt, signal)
    }
    endListening()
  }

  return {
    place: () => life?.place,
    join: member => {
      members.add(member)
      if (life !== undefined) member.begin(life.signal)
      if (has_begun) return
      has_begun = true
      void liveUntilStopped()
    },
    leave: member => {
      members.delete(member)
      if (members.size > 0) return
      onEmpty()
      ending.abort()
    },
    confirm: async () => {
      const result = await life?.step()
      return result?.tag === 'read' && result.is_confirmed
    },
    renew: () => renewing.abort(),
  }
}

const tails = new WeakMap<NatsConnection, Tail>()

/** The tail of a connection, which all its followers share. */
export const tailOf = (deps: TailDeps): Tail => {
  const { nc } = deps
  const known = tails.get(nc)
  if (known !== undefined) return known
  const tail = createTail(deps, () => tails.delete(nc))
  tails.set(nc, tail)
  return tail
}
