/**
 * One life of the tail (tail.ts): reads the stream on from a place, and gives the events to the tail's members.
 */

import type { JetStreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from 'nats'
import { run, unwrap } from '../../fp.js'
import { sharedAfter } from '../../parallel.js'
import { readDirect } from '../direct.js'
import { directPages } from '../direct-pages.js'
import { leadershipOf } from '../leadership.js'
import { nextRecorded } from '../read.js'
import { isSameMessage, type Recorded, SetBack } from '../recorded.js'
import { LEDGER_STREAM, LEDGER_SUBJECTS } from '../settings.js'

/** The stream as a life found it, and the newest event that was read since; undefined: there is none. */
export type TailPlace = { readonly created: string; readonly newest: Recorded | undefined }

export type TailDeps = { readonly nc: NatsConnection; readonly jsm: JetStreamManager }

/** What a request has brought. */
type Step =
  | {
      readonly tag: 'read'
      /** A server has the newest event that was read before. */
      readonly is_confirmed: boolean
      /** More events are waiting. */
      readonly is_full: boolean
    }
  | { readonly tag: 'failed'; readonly thrown: unknown }

const BATCH_MESSAGES_MAX = 1_000
const BATCH_BYTES_MAX = 2 * 1024 * 1024
/**
 * From so many waiting events on they are read by several requests at once, and so many in one step at the most. One request
 * after the other brings about 10,000 events a second beside a busy ledger, which stores more than that: the follower would fall
 * behind without a bound, until nothing that memory knows counts any more (docs/adr/0063).
 */
const PAGES_FROM_EVENTS = 2 * BATCH_MESSAGES_MAX
const PAGES_EVENTS_MAX = 4 * BATCH_MESSAGES_MAX
/** The most events of one step that are read from the leader, while the replica that answers lacks them. */
const LEADER_READS_MAX = 100

export class TailLife {
  readonly signal: AbortSignal
  readonly #deps: TailDeps
  readonly #onEvents: (events: readonly Recorded[]) => void
  #place: TailPlace
  /** The number of events that waited at the last request. */
  #waiting = 0

  /** @param onEvents takes the next events, at least one; not after `signal` has aborted */
  constructor(
    deps: TailDeps,
    place: TailPlace,
    signal: AbortSignal,
    onEvents: (events: readonly Recorded[]) => void,
  ) {
    this.#deps = deps
    this.#place = place
    this.signal = signal
    this.#onEvents = onEvents
  }

  get place(): TailPlace {
    return this.#place
  }

  /** Asks once for new events, after the call; calls at the same time share a request. */
  readonly step = sharedAfter(async (): Promise<Step> => {
    try {
      return await this.#ask()
    } catch (thrown) {
      return { tag: 'failed', thrown }
    }
  })

  #give(events: readonly Recorded[]): void {
    const newest = events.at(-1)
    if (newest === undefined || this.signal.aborted) return
    this.#place = { ...this.#place, newest }
    this.#onEvents(events)
  }

  /** The next event as the leader has it: an event after a hole counts only when the leader names it. */
  async #takeFromLeader(): Promise<boolean> {
    const next_seq = (this.#place.newest?.seq ?? 0) + 1
    const next = unwrap(await nextRecorded(this.#deps.jsm, LEDGER_STREAM, LEDGER_SUBJECTS, next_seq)())
    if (next === undefined || this.signal.aborted) return false
    this.#give([next])
    return true
  }

  /** Reads what is proved to be stored and the replica lacks. */
  async #readFromLeader(): Promise<boolean> {
    const proof = leadershipOf(this.#deps.nc).newest()
    if (proof === undefined || proof.created !== this.#place.created) return false
    let reads = 0
    while (
      reads < LEADER_READS_MAX &&
      (this.#place.newest?.seq ?? 0) < proof.last_seq &&
      (await this.#takeFromLeader())
    )
      reads += 1
    return reads > 0
  }

  /** Takes the events that follow `before`, and goes on at the leader where the replica has a hole, or no more. */
  async #takeFollowing(
    before: Recorded | undefined,
    events: readonly Recorded[],
  ): Promise<{ has_events: boolean; has_more: boolean }> {
    const first_seq = (before?.seq ?? 0) + 1
    const hole = events.findIndex(({ seq }, index) => seq !== first_seq + index)
    this.#give(hole === -1 ? events : events.slice(0, hole))
    if (hole === -1 && events.length > 0) return { has_events: true, has_more: false }
    const has_more = await (hole === -1 ? this.#readFromLeader() : this.#takeFromLeader())
    return { has_events: has_more, has_more }
  }

  /** Whether the leader has the event; a replica that lacks it may be behind. Throws `SetBack` when it is lost. */
  async #isStored(event: Recorded): Promise<boolean> {
    const { nc, jsm } = this.#deps
    const { created, last_seq } = await run(leadershipOf(nc).prove())
    if (created !== this.#place.created) throw new SetBack('the stream was made anew')
    if (last_seq < event.seq)
      throw new SetBack(`the stream ends at ${last_seq}, before sequence ${event.seq}`)
    const found = unwrap(await nextRecorded(jsm, LEDGER_STREAM, LEDGER_SUBJECTS, event.seq)())
    if (found !== undefined && !isSameMessage(found, event))
      throw new SetBack(`sequence ${event.seq} holds another event than before`)
    return found !== undefined
  }

  /** Reads many waiting events at once, as far as they follow one on the other. */
  async #readWaiting(): Promise<void> {
    const after = this.#place.newest
    const from_seq = (after?.seq ?? 0) + 1
    const to_seq = from_seq - 1 + Math.min(this.#waiting, PAGES_EVENTS_MAX)
    const range = { stream: LEDGER_STREAM, subject: undefined, from_seq, to_seq, after, known_seq: to_seq }
    for await (const page of directPages(this.#deps.nc, range)) {
      const next_seq = (this.#place.newest?.seq ?? 0) + 1
      const hole = page.findIndex(({ seq }, index) => seq !== next_seq + index)
      this.#give(hole === -1 ? page : page.slice(0, hole))
      if (hole !== -1 || this.signal.aborted) return
    }
  }

  /** Asks a replica for the newest event and those after it. */
  async #ask(): Promise<Step> {
    if (this.#waiting >= PAGES_FROM_EVENTS) await this.#readWaiting()
    const { newest } = this.#place
    const query = { seq: newest?.seq ?? 1, batch: BATCH_MESSAGES_MAX, max_bytes: BATCH_BYTES_MAX }
    const { messages, pending } = unwrap(await readDirect(this.#deps.nc, LEDGER_STREAM, query)())
    this.#waiting = pending
    const [first] = messages
    const has_newest = newest === undefined || (first !== undefined && isSameMessage(first, newest))
    const is_confirmed = has_newest || (await this.#isStored(newest))
    const events = newest === undefined ? messages : has_newest ? messages.slice(1) : []
    const { has_events, has_more } = await this.#takeFollowing(newest, events)
    return { tag: 'read', is_confirmed, is_full: has_more || (has_events && pending > 0) }
  }
}
