/**
 * Compares the index of transaction ids with the stream: each bucket that is there, of a row of chunks that was walked through. A
 * bucket that lacks an id would make a known command look new, like a chunk that does (docs/adr/0062).
 *
 * The form of the index is written here a second time, because verify shares no code with what it checks (docs/adr/0013).
 */

import { chunksOf } from '../parallel.js'
import { readDirect } from '../stream/direct.js'
import { TRANSACTION_IDS_PREFIX, TRANSACTION_IDS_STREAM } from '../stream/settings.js'
import { HASH_BYTES } from './checkpoint-chunk.js'
import type { Run } from './deps.js'
import type { Difference } from './difference.js'
import { persist } from './problem.js'

/** The chunks of a row. */
const ROW = 16
/** The events for which there is one bucket. */
const PER_BUCKET = 1_024
const ENTRY_BYTES = HASH_BYTES + 4
const SUBJECTS_PER_REQUEST = 200
/** The wrong buckets of one row that are named. */
const NAMED_MAX = 10

/** The hashes of a chunk as they should be, by their places. */
type Hashes = { readonly index: number; readonly body: Buffer; readonly is_whole: boolean }

/** The bodies of a row's buckets, from its hashes. */
const bucketBodies = (row: readonly Hashes[], buckets: number): Buffer[] => {
  const entries: Buffer[][] = Array.from({ length: buckets }, () => [])
  let place = 0
  for (const { body } of row) {
    for (let from = 0; from < body.length; from += HASH_BYTES, place += 1) {
      const hash = body.subarray(from, from + HASH_BYTES)
      if (hash.readBigUInt64LE() === 0n) continue
      const entry = Buffer.alloc(ENTRY_BYTES)
      hash.copy(entry)
      entry.writeUInt32LE(place, HASH_BYTES)
      entries[Math.floor((hash.readUInt32LE() * buckets) / 2 ** 32)]?.push(entry)
    }
  }
  return entries.map(each => Buffer.concat(each))
}

/** Compares the rows of a ledger, whose chunks come one after the other. */
export class IdIndexCheck {
  readonly #run: Run
  readonly #buckets: number
  #row: Hashes[] = []

  constructor(run: Run, chunk_events: number) {
    this.#run = run
    this.#buckets = Math.max(1, Math.floor((ROW * chunk_events) / PER_BUCKET))
  }

  /**
   * Takes the hashes of the next chunk as they should be. `own` are the names that a chunk of its place has. Gives what is wrong
   * in the index of the row that it ends, by such a name.
   */
  async take(hashes: Hashes, own: readonly string[]): Promise<ReadonlyMap<string, Difference[]>> {
    const last = this.#row.at(-1)
    if (last?.index !== hashes.index - 1 || hashes.index % ROW === 0) this.#row = []
    this.#row.push(hashes)
    const wrong = new Map<string, Difference[]>()
    const is_known = this.#row.length === ROW && this.#row.every(({ is_whole }) => is_whole)
    if (!is_known || hashes.index % ROW !== ROW - 1) return wrong
    const bodies = bucketBodies(this.#row, this.#buckets)
    const row = Math.floor(hashes.index / ROW)
    for (const name of own) wrong.set(name, await this.#compare(`${row}.${name}`, bodies))
    return wrong
  }

  async #compare(row: string, bodies: readonly Buffer[]): Promise<Difference[]> {
    const { nc, signal } = this.#run
    const should_be = new Map(
      bodies.map((body, bucket) => [`${TRANSACTION_IDS_PREFIX}row.${row}.${bucket}`, body]),
    )
    const wrong: Difference[] = []
    for (const multi_last of chunksOf(SUBJECTS_PER_REQUEST, [...should_be.keys()])) {
      const { messages } = await persist(readDirect(nc, TRANSACTION_IDS_STREAM, { multi_last }), signal)
      for (const { subject, body } of messages) {
        if (should_be.get(subject)?.equals(body) === true || wrong.length === NAMED_MAX) continue
        const detail = 'a bucket of the index of transaction ids has not the ids of its events'
        wrong.push({ where: 'known-ids', kind: 'differs', id: subject, detail })
      }
    }
    return wrong
  }
}
