/**
 * The set of known ids with the place up to which the stream was followed. A process that starts takes what the checkpoint
 * holds, and reads the rest from the stream; what it collects on the way becomes the next chunks of the checkpoint.
 */

import { setImmediate as nextTurn } from 'node:timers/promises'
import { E } from '../../fp.js'
import { CHUNK_EVENTS, ChunkCollector } from '../../known-ids/id-chunk.js'
import { type FoundChunk, findChunks, readChunks, type WrongChunk } from '../../known-ids/read-checkpoint.js'
import type { StreamError } from '../../stream/errors.js'
import type { FollowDeps, Followed } from '../../stream/follow/follower.js'
import { leadershipOf } from '../../stream/leadership.js'
import { nextKnown, readRange } from '../../stream/read.js'
import { isSameMessage, type Recorded } from '../../stream/recorded.js'
import { LEDGER_STREAM, LEDGER_SUBJECTS } from '../../stream/settings.js'
import { IdSet } from './id-set.js'
import { RECENT_IDS_MAX } from './recent-ids.js'
import { sortedHashes } from './sorted-hashes.js'
import { CheckpointWriter } from './write-checkpoint.js'
import { IndexWriter } from './write-index.js'

/** From so many events behind, the stream is read in pages: that takes a part of the time of following it. */
export const PAGES_FROM_EVENTS = 2_000
/** The chunks of the checkpoint whose ids are sorted together: 32 MB. */
const SORTED_CHUNKS = 32
/** The words that are added in one turn of the event loop: some milliseconds. */
const WORDS_PER_TURN = 2 ** 17

const recordedOf = ({ seq, subject, data, time }: Followed): Recorded => ({
  seq,
  subject,
  body: data,
  at: time,
})

/** The ids as they are followed, and the event that they were followed up to. */
export class FollowedIds {
  readonly set = new IdSet()
  readonly #chunk_events: number
  readonly #collector: ChunkCollector
  readonly #checkpoint: CheckpointWriter
  readonly #index: IndexWriter
  /** The time at which the stream that is followed was made; undefined before it is known. */
  created: string | undefined
  /** An event was not taken because of a fault of this program: from then on the set may lack ids. */
  has_failed = false
  #newest: Followed | undefined
  #beginnings = 0
  readonly #deps: FollowDeps

  constructor(deps: FollowDeps, chunk_events = CHUNK_EVENTS) {
    this.#deps = deps
    this.#chunk_events = chunk_events
    this.#collector = new ChunkCollector(chunk_events)
    this.#checkpoint = new CheckpointWriter(deps, seq => this.#isStored(seq))
    this.#index = new IndexWriter(deps, chunk_events)
  }

  take(event: Followed): void {
    const whole = this.#collector.take(event, this.set.take(event.seq, event.data))
    this.#newest = event
    if (whole === undefined) return
    this.#checkpoint.add(whole)
    this.#index.add(whole.name)
  }

  restart(ids_expected: number): void {
    this.set.restart(ids_expected)
    this.#collector.restart()
    this.#checkpoint.restart()
    this.#index.restart()
    this.#newest = undefined
    this.#beginnings += 1
  }

  /**
   * Reads on up to `last_seq`: a process that starts has the whole stream before it. What the checkpoint holds is taken from
   * there, and the rest in pages from the stream. Rejects when the set began anew meanwhile.
   */
  async readOn(last_seq: number, signal: AbortSignal): Promise<void> {
    const { position } = this.set
    if (last_seq - position < PAGES_FROM_EVENTS) return
    const { log } = this.#deps
    const began_ms = performance.now()
    const events = this.#chunk_events
    const range = {
      events,
      from_index: Math.ceil(position / events),
      to_index: Math.floor(last_seq / events),
    }
    const beginnings = this.#beginnings
    const checkSame = (): void => {
      if (beginnings !== this.#beginnings) throw new Error('the stream became another one while it was read')
    }
    const onEnd = (err: StreamError): void =>
      log.info({ err }, 'no checkpoint of the transaction ids can be read: the ledger is read')
    const onWrong = (wrong: WrongChunk): void => this.#checkpoint.replace(wrong)
    let from_checkpoint = 0
    const waiting: FoundChunk[] = []
    const chosen = await findChunks(this.#deps, range, { onEnd })
    for await (const found of readChunks(this.#deps, chosen, events, { onWrong, onEnd })) {
      if (signal.aborted) return
      checkSame()
      this.#index.add(found.name)
      const { first_seq, last_seq: chunk_seq } = found.chunk
      const is_recent = last_seq - chunk_seq < RECENT_IDS_MAX
      const is_next = first_seq === (waiting.at(-1)?.chunk.last_seq ?? this.set.position) + 1
      if (is_recent || !is_next || waiting.length >= SORTED_CHUNKS)
        await this.#takeOlder(waiting.splice(0), checkSame)
      if (!is_next) await this.#readUpTo(first_seq - 1, signal)
      checkSame()
      if (is_recent) this.#takeRecent(found)
      else waiting.push(found)
      from_checkpoint += events
      await nextTurn()
    }
    checkSame()
    await this.#takeOlder(waiting, checkSame)
    await this.#readUpTo(last_seq, signal)
    checkSame()
    const duration_ms = Math.round(performance.now() - began_ms)
    log.info(
      { events: this.set.position - position, from_checkpoint, duration_ms },
      'the transaction ids were read',
    )
  }

  #takeRecent(found: FoundChunk): void {
    this.set.takeChunk(found.chunk)
    this.#goAfter(found)
  }

  /** Takes chunks that follow one on the other, without the sequences of their events. `checkSame` throws when the set began anew. */
  async #takeOlder(chunks: readonly FoundChunk[], checkSame: () => void): Promise<void> {
    const newest = chunks.at(-1)
    if (newest === undefined) return
    const words = sortedHashes(chunks.map(({ chunk }) => chunk))
    for (let from = 0; from < words.length; from += WORDS_PER_TURN) {
      checkSame()
      this.set.addOlder(words.subarray(from, from + WORDS_PER_TURN))
      await nextTurn()
    }
    checkSame()
    this.set.goTo(newest.chunk.last_seq)
    this.#goAfter(newest)
  }

  #goAfter(found: FoundChunk): void {
    const { last } = found
    this.#collector.goAfter(found)
    this.#newest = last && { seq: last.seq, subject: last.subject, data: last.body, time: last.at }
  }

  async #readUpTo(to_seq: number, signal: AbortSignal): Promise<void> {
    const from_seq = this.set.position + 1
    if (from_seq > to_seq) return
    const beginnings = this.#beginnings
    const after = this.#newest && recordedOf(this.#newest)
    const range = { stream: LEDGER_STREAM, subject: LEDGER_SUBJECTS, from_seq, to_seq, after }
    for await (const { seq, subject, body, at } of readRange(this.#deps.nc, range)) {
      if (signal.aborted || beginnings !== this.#beginnings) return
      this.take({ seq, subject, data: body, time: at })
      if (this.#checkpoint.isFull()) await this.#checkpoint.untilRoom()
    }
  }

  /**
   * Whether the stream has all events that were taken up to `seq`, by a proof of its end and by the newest event that was taken,
   * as a server has it after the proof. It can be asked while the stream is still read.
   */
  async #isStored(seq: number): Promise<boolean> {
    const { nc } = this.#deps
    const [newest, beginnings] = [this.#newest, this.#beginnings]
    if (newest === undefined || newest.seq < seq) return false
    const proved = await leadershipOf(nc).prove()()
    if (E.isLeft(proved) || proved.right.created !== this.created || proved.right.last_seq < newest.seq)
      return false
    const found = await nextKnown(nc, LEDGER_STREAM, LEDGER_SUBJECTS, newest.seq)()
    if (E.isLeft(found) || found.right === undefined || beginnings !== this.#beginnings) return false
    return isSameMessage(found.right, recordedOf(newest))
  }

  /** Writes no more chunks. */
  stop(): void {
    this.#checkpoint.stop()
    this.#index.stop()
  }

  /** The newest event that was taken; undefined: there is none since the set began anew. */
  newest(): Followed | undefined {
    return this.#newest
  }

  /** The number of times that the set began anew: what was known of it before counts no more. */
  get beginnings(): number {
    return this.#beginnings
  }
}
