/**
 * The transaction ids of all events up to one place of the stream: whether an event may have an id, and for the newest
 * ids also which event. It is a pure state machine; the follower feeds it (known-ids.ts).
 */

import { hashOfEvent } from '../../known-ids/hash-of-event.js'
import type { IdChunk } from '../../known-ids/id-chunk.js'
import { hashText, type IdHash } from '../../known-ids/id-hash.js'
import { IdFilter } from './id-filter.js'
import { RecentIds } from './recent-ids.js'

export class IdSet {
  readonly #hash: IdHash = { low: 0, high: 0 }
  #filter = new IdFilter()
  #recent = new RecentIds(0)
  #position = 0

  /** The sequence of the last event that was taken. */
  get position(): number {
    return this.#position
  }

  /** `seqOf` knows every id of the events after this sequence. */
  get exact_after_seq(): number {
    return this.#recent.after_seq
  }

  /** The memory that the ids take, in bytes, without those that are known exactly. */
  get filter_bytes(): number {
    return this.#filter.bytes
  }

  /** Takes the event at `seq`; sequences have to rise. Gives the hash of its id, if it has one, until the next call. */
  take(seq: number, body: Uint8Array): IdHash | undefined {
    this.#position = seq
    if (!hashOfEvent(body, this.#hash)) return undefined
    this.#filter.add(this.#hash)
    this.#recent.add(this.#hash, seq)
    return this.#hash
  }

  /** Takes all events of a chunk, with their sequences: it has to be near the end of the stream. */
  takeChunk(chunk: IdChunk): void {
    for (let seq = chunk.first_seq; seq <= chunk.last_seq; seq += 1) {
      if (!chunk.read(seq, this.#hash)) continue
      this.#filter.add(this.#hash)
      this.#recent.add(this.#hash, seq)
    }
    this.#position = chunk.last_seq
  }

  /** Adds ids of events before a `goTo`, by their hashes, in pairs of a low and a high word. */
  addOlder(words: Uint32Array): void {
    this.#filter.addAll(words)
  }

  /** The ids of all events up to `seq` were added: the next event comes after it. Sequences before are not known. */
  goTo(seq: number): void {
    this.#recent = new RecentIds(seq)
    this.#position = seq
  }

  /** False: no event that was taken has the id. */
  mayHave(transaction_id: string): boolean {
    return this.#filter.mayHave(hashText(transaction_id, this.#hash))
  }

  /** The sequence of the first event that has the id, if it is after `exact_after_seq`. Rarely that of another id. */
  seqOf(transaction_id: string): number | undefined {
    return this.#recent.seqOf(hashText(transaction_id, this.#hash))
  }

  /** Forgets everything, for another stream that will have at least `ids_expected` ids. */
  restart(ids_expected: number): void {
    this.#filter = new IdFilter(ids_expected)
    this.#recent = new RecentIds(0)
    this.#position = 0
  }
}
