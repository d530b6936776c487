/**
 * Writes the index of transaction ids: each row of chunks of the checkpoint that has none yet, in the background.
 *
 * Every instance of `commands` may do it, since all make the same. Who comes first stores a bucket, others are refused by the
 * expected sequence. Without the index an old id is looked for in the chunks, so a failure is a line in the log.
 */

import { pause } from '../../back-off.js'
import { E, Failed, unwrap } from '../../fp.js'
import { type ChunkName, chunkSubject, IdChunk } from '../../known-ids/id-chunk.js'
import {
  bucketSubject,
  bucketsOf,
  type IdRow,
  makeBuckets,
  ROW_CHUNKS,
  rowsOf,
} from '../../known-ids/id-index.js'
import { withPatience } from '../../known-ids/read-checkpoint.js'
import { chunksOf, inParallel } from '../../parallel.js'
import { readDirect } from '../../stream/direct.js'
import type { FollowDeps } from '../../stream/follow/follower.js'
import { publish } from '../../stream/publish.js'
import { TRANSACTION_IDS_STREAM } from '../../stream/settings.js'

const PUBLISH_TIMEOUT_MS = 5_000
const PUBLISHES_MAX = 16
/** The chunks of one request: 4 MiB. */
const SUBJECTS_PER_REQUEST = 8
/** A bucket that does not fit a message is left out: ids whose hashes are alike, which nobody has by chance. */
const BUCKET_BYTES_MAX = 512 * 1024
/** The chunks of a row are stored a moment after they are known, and of several instances one should begin. */
const BEGIN_MS_MAX = 5_000
const TRIES_MAX = 3

export class IndexWriter {
  readonly #deps: FollowDeps
  readonly #chunk_events: number
  readonly #ending = new AbortController()
  #names = new Map<number, ChunkName>()
  #rows: IdRow[] = []
  #is_writing = false

  constructor(deps: FollowDeps, chunk_events: number) {
    this.#deps = deps
    this.#chunk_events = chunk_events
  }

  /** A chunk is one of the ledger. */
  add(name: ChunkName): void {
    this.#names.set(name.index, name)
    const first = name.index - (name.index % ROW_CHUNKS)
    const of_row = Array.from({ length: ROW_CHUNKS }, (_, i) => this.#names.get(first + i))
    const [row] = rowsOf(of_row.filter(each => each !== undefined)).rows
    if (row === undefined) return
    for (const { index } of row.names) this.#names.delete(index)
    this.#rows.push(row)
    if (!this.#is_writing) void this.#writeAll()
  }

  /** The ledger is another one. */
  restart(): void {
    this.#names = new Map()
    this.#rows = []
  }

  stop(): void {
    this.#ending.abort()
  }

  async #writeAll(): Promise<void> {
    const { signal } = this.#ending
    const { log } = this.#deps
    this.#is_writing = true
    await pause({ first_ms: BEGIN_MS_MAX, max_ms: BEGIN_MS_MAX }, 1, signal)
    for (let row = this.#rows.shift(); row !== undefined && !signal.aborted; row = this.#rows.shift()) {
      const failure = await this.#write(row).catch((thrown: unknown) => thrown)
      if (failure !== undefined && !signal.aborted)
        log.info({ err: failure, row: row.index }, 'a part of the index of transaction ids is not written')
    }
    this.#is_writing = false
  }

  async #write(row: IdRow): Promise<unknown> {
    const buckets = bucketsOf(this.#chunk_events)
    if ((await this.#read([bucketSubject(row, buckets - 1)])).size > 0) return undefined
    const chunks = await this.#readChunks(row)
    if (chunks === undefined) return new Error('its chunks are not stored')
    const bodies = makeBuckets(chunks, buckets)
    const store = async (bucket: number): Promise<void> => {
      const body = bodies[bucket] ?? new Uint8Array(0)
      if (body.length > BUCKET_BYTES_MAX || this.#ending.signal.aborted) return
      const message = { subject: bucketSubject(row, bucket), body, expected_last_subject_seq: 0 }
      const stored = await publish(this.#deps.nc, message, PUBLISH_TIMEOUT_MS)()
      // another instance may have stored it
      if (E.isLeft(stored) && stored.left.tag !== 'Conflict') throw new Failed(stored.left)
    }
    const all = Array.from({ length: buckets - 1 }, (_, bucket) => bucket)
    await inParallel(PUBLISHES_MAX, all, store)
    // the last one says that all are there
    await store(buckets - 1)
    return undefined
  }

  async #readChunks({ names }: IdRow): Promise<IdChunk[] | undefined> {
    const events = this.#chunk_events
    for (let attempt = 1; attempt <= TRIES_MAX && !this.#ending.signal.aborted; attempt += 1) {
      const bodies = await this.#read(names.map(chunkSubject))
      const chunks = names.flatMap(name => {
        const body = bodies.get(chunkSubject(name))
        return body !== undefined && IdChunk.fits(body, events) ? [new IdChunk(name.index, body)] : []
      })
      if (chunks.length === names.length) return chunks
      await pause({ first_ms: BEGIN_MS_MAX, max_ms: BEGIN_MS_MAX }, attempt, this.#ending.signal)
    }
    return undefined
  }

  async #read(subjects: readonly string[]): Promise<ReadonlyMap<string, Uint8Array>> {
    const bodies = new Map<string, Uint8Array>()
    for (const multi_last of chunksOf(SUBJECTS_PER_REQUEST, subjects)) {
      const read = readDirect(this.#deps.nc, TRANSACTION_IDS_STREAM, { multi_last })
      for (const { subject, body } of unwrap(await withPatience(read)).messages) bodies.set(subject, body)
    }
    return bodies
  }
}
