/**
 * A set of ids in 12 to 20 bits each. It says "no" only of ids that were never added; of a few others it says "maybe" too,
 * which costs a look-up: of about one in 2,300 with 20 bits, one in 760 with 16, and one in 180 with 12.
 *
 * It is a split block Bloom filter (Putze, Sanders, Singler: Cache-, Hash- and Space-Efficient Bloom Filters, 2007; the
 * form is that of the Parquet format): all bits of an id lie in one block of 256 bits, so that a question touches one
 * place of the memory. A filter cannot grow, so a full one gets a larger one beside it.
 */

import type { IdHash } from '../../known-ids/id-hash.js'

const WORDS_PER_BLOCK = 8
const BITS_PER_BLOCK = 32 * WORDS_PER_BLOCK
/**
 * A layer of many ids has fewer bits for each, since memory is what they cost then: 40 MB for 2^24, 128 MB for 2^26, 1.5 GB for a
 * thousand million.
 */
const bitsPerId = (ids_max: number): number => (ids_max <= 2 ** 24 ? 20 : ids_max <= 2 ** 26 ? 16 : 12)
/** An odd factor for each word of a block: it chooses the bit of the word. */
const FACTORS = Uint32Array.of(
  ...[0x47b6137b, 0x44974d91, 0x8824ad5b, 0xa2b7289d],
  ...[0x705495c7, 0x2df1424b, 0x9efc4947, 0x5c6bfb31],
)
/** The first filter's size in ids: 2.5 MB. */
const IDS_MIN = 2 ** 20
const GROWTH = 4

class Layer {
  readonly ids_max: number
  readonly #blocks: number
  readonly #words: Uint32Array
  ids = 0

  constructor(ids_max: number, bits_per_id: number) {
    this.ids_max = ids_max
    this.#blocks = Math.ceil((ids_max * bits_per_id) / BITS_PER_BLOCK)
    this.#words = new Uint32Array(this.#blocks * WORDS_PER_BLOCK)
  }

  get bytes(): number {
    return this.#words.byteLength
  }

  /** Adds hashes in pairs of a low and a high word: written out, because a start adds all ids of the ledger. */
  addAll(words: Uint32Array): void {
    const own = this.#words
    for (let at = 0; at + 1 < words.length; at += 2) {
      const first = this.#placeOf(words[at] ?? 0)
      const high = words[at + 1] ?? 0
      for (let i = 0; i < WORDS_PER_BLOCK; i += 1) {
        const bit = Math.imul(high, FACTORS[i] ?? 0) >>> 27
        own[first + i] = (own[first + i] ?? 0) | (1 << bit)
      }
    }
    this.ids += words.length / 2
  }

  add({ low, high }: IdHash): void {
    const first = this.#placeOf(low)
    for (let i = 0; i < WORDS_PER_BLOCK; i += 1) {
      const bit = Math.imul(high, FACTORS[i] ?? 0) >>> 27
      this.#words[first + i] = (this.#words[first + i] ?? 0) | (1 << bit)
    }
    this.ids += 1
  }

  has({ low, high }: IdHash): boolean {
    const first = this.#placeOf(low)
    for (let i = 0; i < WORDS_PER_BLOCK; i += 1) {
      const bit = Math.imul(high, FACTORS[i] ?? 0) >>> 27
      if ((((this.#words[first + i] ?? 0) >>> bit) & 1) === 0) return false
    }
    return true
  }

  #placeOf(low: number): number {
    return WORDS_PER_BLOCK * Math.floor((low / 2 ** 32) * this.#blocks)
  }
}

export class IdFilter {
  readonly #layers: Layer[] = []

  readonly #bitsPerId: (ids_max: number) => number

  /** A filter for at least `ids_expected` ids before it needs a second layer; each layer adds to the wrong "maybe"s. */
  constructor(ids_expected = 0, ids_min = IDS_MIN, bitsOf = bitsPerId) {
    this.#bitsPerId = bitsOf
    this.#layers.push(this.#newLayer(Math.max(ids_min, ids_expected)))
  }

  #newLayer(ids_max: number): Layer {
    return new Layer(ids_max, this.#bitsPerId(ids_max))
  }

  /** Adds an id. One that was added before takes the place of two. */
  add(hash: IdHash): void {
    this.#newest().add(hash)
  }

  /** Adds ids by their hashes, in pairs of a low and a high word. It is quicker when the low words rise. */
  addAll(words: Uint32Array): void {
    for (let from = 0; from < words.length; ) {
      const newest = this.#newest()
      const to = Math.min(words.length, from + 2 * (newest.ids_max - newest.ids))
      newest.addAll(words.subarray(from, to))
      from = to
    }
  }

  /** The layer that takes the next id. */
  #newest(): Layer {
    const newest = this.#layers[0] as Layer
    if (newest.ids < newest.ids_max) return newest
    const larger = this.#newLayer(newest.ids_max * GROWTH)
    this.#layers.unshift(larger)
    return larger
  }

  /** False: the id was never added. */
  mayHave(hash: IdHash): boolean {
    for (const layer of this.#layers) if (layer.has(hash)) return true
    return false
  }

  get bytes(): number {
    return this.#layers.reduce((bytes, layer) => bytes + layer.bytes, 0)
  }
}
