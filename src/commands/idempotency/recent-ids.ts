/**
 * The sequences of the newest ids, exactly, in typed arrays: a million of them in 32 MB, with nothing for the garbage
 * collector to look at.
 *
 * There are two tables. New ids go into the young one. When it is full, it becomes the old one and the former old one is
 * forgotten, so between one and two million ids are known.
 */

import type { IdHash } from '../../known-ids/id-hash.js'

/** At least so many of the newest ids are known. */
export const RECENT_IDS_MAX = 2 ** 20
const SLOTS_MIN = 2 ** 12

/** Open addressing with steps of one. A sequence of 0 marks a free slot: the stream's first sequence is 1. */
class Table {
  #slots: number
  #keys: Uint32Array
  #seqs: Float64Array
  ids = 0

  constructor(slots = SLOTS_MIN) {
    this.#slots = slots
    this.#keys = new Uint32Array(2 * slots)
    this.#seqs = new Float64Array(slots)
  }

  /** Notes the sequence of an id, unless the id has one: of several events with one id the first one counts. */
  add(low: number, high: number, seq: number): void {
    if (2 * this.ids >= this.#slots) this.#grow()
    const slot = this.#slotOf(low, high)
    if (this.#seqs[slot] !== 0) return
    this.#keys[2 * slot] = low
    this.#keys[2 * slot + 1] = high
    this.#seqs[slot] = seq
    this.ids += 1
  }

  seqOf(low: number, high: number): number {
    return this.#seqs[this.#slotOf(low, high)] ?? 0
  }

  /** The slot of the id, or the free one where it belongs. At least half of the slots are free. */
  #slotOf(low: number, high: number): number {
    const mask = this.#slots - 1
    let slot = (low ^ high) & mask
    while (this.#seqs[slot] !== 0 && (this.#keys[2 * slot] !== low || this.#keys[2 * slot + 1] !== high)) {
      slot = (slot + 1) & mask
    }
    return slot
  }

  #grow(): void {
    const [slots, keys, seqs] = [this.#slots, this.#keys, this.#seqs]
    this.#slots = 2 * slots
    this.#keys = new Uint32Array(2 * this.#slots)
    this.#seqs = new Float64Array(this.#slots)
    this.ids = 0
    for (let slot = 0; slot < slots; slot += 1) {
      const seq = seqs[slot] ?? 0
      if (seq !== 0) this.add(keys[2 * slot] ?? 0, keys[2 * slot + 1] ?? 0, seq)
    }
  }
}

export class RecentIds {
  readonly #ids_max: number
  #young = new Table()
  #old: Table | undefined
  #young_after_seq: number
  #after_seq: number

  /** Nothing is known yet; the next id is that of an event after `after_seq`. */
  constructor(after_seq: number, ids_max = RECENT_IDS_MAX) {
    this.#after_seq = after_seq
    this.#young_after_seq = after_seq
    this.#ids_max = ids_max
  }

  /** Every id that was added for an event after this sequence is known. */
  get after_seq(): number {
    return this.#after_seq
  }

  /** Adds the id of the event at `seq`; sequences have to rise. */
  add({ low, high }: IdHash, seq: number): void {
    if (this.#young.ids >= this.#ids_max) {
      this.#old = this.#young
      this.#after_seq = this.#young_after_seq
      this.#young = new Table()
      this.#young_after_seq = seq - 1
    }
    this.#young.add(low, high, seq)
  }

  /** The sequence of the first event with the id, among those that are known; undefined when none is. */
  seqOf({ low, high }: IdHash): number | undefined {
    return this.#old?.seqOf(low, high) || this.#young.seqOf(low, high) || undefined
  }
}
