/**
 * The checkpoint of transaction ids in pieces: a chunk holds the hashes of the ids of 65,536 neighbouring events by their
 * places, 8 bytes each (docs/adr/0010). Chunk 0 begins with sequence 1.
 *
 * A chunk follows from the ledger alone, so every instance makes the same one. It names its last event: if the ledger still
 * has that event, it has every event of the chunk, because a stream only grows at its end.
 */

import type { MsgHdrs } from 'nats'
import { E } from '../../fp.js'
import { readJson } from '../../json.js'
import { isSamePoint, type Point, PointJson, pointOf } from '../../stream/identity.js'
import type { Recorded } from '../../stream/recorded.js'
import type { IdHash } from './id-hash.js'

/** The number of events of a chunk: 512 KiB. */
export const CHUNK_EVENTS = 2 ** 16
const BYTES_PER_EVENT = 8
/** The header with the point of the chunk's last event, as JSON. */
const LAST_EVENT = 'Ledger-Last-Event'

/** The facts by which the event at a place is recognised. */
export type EventAt = Pick<Recorded, 'seq' | 'subject' | 'body' | 'at'>

export class IdChunk {
  readonly index: number
  readonly first_seq: number
  readonly last_seq: number
  readonly body: Uint8Array
  readonly #words: DataView

  /** Throws when the body is not of a whole chunk: `fits` has to be asked before. */
  constructor(index: number, body: Uint8Array) {
    const events = body.length / BYTES_PER_EVENT
    this.index = index
    this.first_seq = index * events + 1
    this.last_seq = (index + 1) * events
    this.body = body
    this.#words = new DataView(body.buffer, body.byteOffset, body.length)
  }

  /** A chunk in which no event has an id yet. */
  static empty(index: number, events: number): IdChunk {
    return new IdChunk(index, new Uint8Array(events * BYTES_PER_EVENT))
  }

  /** Whether a message has the length of a chunk of `events` events. */
  static fits(body: Uint8Array, events: number): boolean {
    return body.length === events * BYTES_PER_EVENT
  }

  set(seq: number, { low, high }: IdHash): void {
    const at = BYTES_PER_EVENT * (seq - this.first_seq)
    this.#words.setUint32(at, low, true)
    this.#words.setUint32(at + 4, high, true)
  }

  /** Writes the hash of the event at `seq` to `into`; false when that event has no id. */
  read(seq: number, into: IdHash): boolean {
    const at = BYTES_PER_EVENT * (seq - this.first_seq)
    into.low = this.#words.getUint32(at, true)
    into.high = this.#words.getUint32(at + 4, true)
    return into.low !== 0 || into.high !== 0
  }
}

/** The headers of a chunk whose last event is `last`. */
export const chunkHeaders = (last: EventAt): Readonly<Record<string, string>> => ({
  [LAST_EVENT]: JSON.stringify(pointOf(last)),
})

/** The point of the last event that a chunk names; undefined when it names none. */
export const lastPointOf = (headers: MsgHdrs | undefined): Point | undefined => {
  const json = readJson(headers?.get(LAST_EVENT) ?? '')
  const point = E.isRight(json) ? PointJson.decode(json.right) : json
  return E.isRight(point) ? point.right : undefined
}

/** Whether `event` is the one that a chunk names. */
export const isLastEvent = (named: Point, event: EventAt): boolean => isSamePoint(named, pointOf(event))

/** Collects the hashes of events that come in order, and gives each chunk that is whole. */
export class ChunkCollector {
  readonly #events: number
  /** The last event that was taken, or that a chunk of the checkpoint held. */
  #position = 0
  /** The chunk that is being filled; undefined when some of its events were not taken here. */
  #chunk: IdChunk | undefined

  constructor(events: number) {
    this.#events = events
  }

  /**
   * Takes the next event and the hash of its id, if it has one. Gives the chunk that this event completes. Places without an
   * event stay empty; a chunk at whose last place there is no event is never given.
   */
  take(seq: number, hash: IdHash | undefined): IdChunk | undefined {
    const index = Math.floor((seq - 1) / this.#events)
    if (this.#chunk?.index !== index)
      this.#chunk = this.#position <= index * this.#events ? IdChunk.empty(index, this.#events) : undefined
    this.#position = seq
    if (this.#chunk === undefined) return undefined
    if (hash !== undefined) this.#chunk.set(seq, hash)
    if (seq !== this.#chunk.last_seq) return undefined
    const whole = this.#chunk
    this.#chunk = undefined
    return whole
  }

  /** Goes on after the event at `seq`: a chunk that was begun is not finished. */
  goTo(seq: number): void {
    this.#position = seq
    this.#chunk = undefined
  }
}
