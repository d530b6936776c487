/**
 * The checkpoint of transaction ids in pieces: a chunk holds the hashes of the ids of 65,536 neighbouring events by their
 * places, 8 bytes each (docs/adr/0036). Chunk 0 begins with sequence 1.
 *
 * A chunk follows from the ledger alone, so every instance makes the same one. Its name is a hash of its last event and of
 * the name of the chunk before. So a name stands for the whole ledger up to there: if the ledger has the last event of a chunk,
 * which is at its place and has its time, it has all events of that chunk and of the ones that are linked to it, because a
 * stream only grows at its end.
 */

import { createHash } from 'node:crypto'
import { NEWEST_SCHEMA } from '../ledger/schema.js'
import type { Followed } from '../stream/follow/follower.js'
import { pointOf } from '../stream/identity.js'
import type { Recorded } from '../stream/recorded.js'
import { TRANSACTION_IDS_PREFIX } from '../stream/settings.js'
import type { IdHash } from './id-hash.js'

/** The number of events of a chunk: 512 KiB. */
export const CHUNK_EVENTS = 2 ** 16
const BYTES_PER_EVENT = 8
/** The name before the first chunk. */
const BEFORE_ALL = '0'
const NAME_CHARACTERS = 22
/** The subjects of all chunks. */
export const EVERY_CHUNK = `${TRANSACTION_IDS_PREFIX}*.*.*`
const SUBJECT = /^(\d{1,12})\.([\w-]{1,22})\.([\w-]{22})$/

/** The place of a chunk, its own name, and the name of the chunk before. */
export type ChunkName = { readonly index: number; readonly before: string; readonly own: string }

/**
 * The name of the chunk that ends with `last`, after the chunk with the name `before`. The schema is a part of it: the chunk
 * of a program that knows fewer schemas lacks the ids of the events that it could not read.
 */
export const chunkNameAfter = (before: string, last: Omit<Recorded, 'headers'>): string => {
  const { seq, checksum, at_ms } = pointOf(last)
  const hash = createHash('sha256').update(`${NEWEST_SCHEMA} ${before} ${seq} ${at_ms} ${checksum}`)
  return hash.digest('base64url').slice(0, NAME_CHARACTERS)
}

export const chunkSubject = ({ index, before, own }: ChunkName): string =>
  `${TRANSACTION_IDS_PREFIX}${index}.${before}.${own}`

/** The name in a subject; undefined when it is no subject of a chunk. */
export const chunkNameOf = (subject: string): ChunkName | undefined => {
  const [, index, before, own] = SUBJECT.exec(subject.slice(TRANSACTION_IDS_PREFIX.length)) ?? []
  if (index === undefined || before === undefined || own === undefined) return undefined
  return { index: Number(index), before, own }
}

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

/** A chunk that is whole. */
export type NamedChunk = { readonly name: ChunkName; readonly chunk: IdChunk }

/** Collects the hashes of events that come in order, and gives each chunk that is whole. */
export class ChunkCollector {
  readonly #events: number
  /** The last event that was taken, or that a chunk of the checkpoint held. */
  #position = 0
  /** The chunk that is being filled; undefined when some of its events were not taken here. */
  #chunk: IdChunk | undefined
  /** The name of the chunk that ends at `#named_seq`. */
  #name = BEFORE_ALL
  #named_seq = 0

  constructor(events: number) {
    this.#events = events
  }

  /**
   * Takes the next event and the hash of its id, if it has one. Gives the chunk that this event completes. Places without an
   * event stay empty; a chunk at whose last place there is no event has no name, and is never given, nor are those after it.
   */
  take(event: Followed, hash: IdHash | undefined): NamedChunk | undefined {
    const { seq } = event
    const index = Math.floor((seq - 1) / this.#events)
    if (this.#chunk?.index !== index)
      this.#chunk = this.#position <= index * this.#events ? IdChunk.empty(index, this.#events) : undefined
    this.#position = seq
    if (hash !== undefined) this.#chunk?.set(seq, hash)
    return seq === (index + 1) * this.#events ? this.#end(index, event) : undefined
  }

  #end(index: number, { seq, subject, data, time }: Followed): NamedChunk | undefined {
    const chunk = this.#chunk
    this.#chunk = undefined
    if (this.#named_seq !== index * this.#events) return undefined
    const before = this.#name
    this.#name = chunkNameAfter(before, { seq, subject, body: data, at: time })
    this.#named_seq = seq
    return chunk === undefined ? undefined : { name: { index, before, own: this.#name }, chunk }
  }

  /** Goes on after a chunk of the checkpoint: one that was begun is not finished. */
  goAfter({ name, chunk }: NamedChunk): void {
    this.#position = chunk.last_seq
    this.#chunk = undefined
    this.#name = name.own
    this.#named_seq = chunk.last_seq
  }

  /** Begins anew with the first event of a stream. */
  restart(): void {
    this.#position = 0
    this.#chunk = undefined
    this.#name = BEFORE_ALL
    this.#named_seq = 0
  }
}
