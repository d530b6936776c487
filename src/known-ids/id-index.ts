/**
 * The index of transaction ids: for each row of 16 chunks of the checkpoint, the same hashes with their places, in buckets by hash.
 * Whoever looks for one id reads one bucket of each row, 12 KB for a million events, and not all of its chunks (docs/adr/0062).
 *
 * A bucket follows from the chunks alone, and has the name of the last one of its row. So it is believed as far as that name is:
 * if the ledger is the one of that name, it has all events of the row.
 */

import { TRANSACTION_IDS_PREFIX } from '../stream/settings.js'
import type { ChunkName, IdChunk } from './id-chunk.js'
import type { IdHash } from './id-hash.js'

/** The number of chunks in a row. */
export const ROW_CHUNKS = 16
/** About so many events have their ids in one bucket. */
const BUCKET_EVENTS = 1_024
const WORDS_PER_ENTRY = 3
const BYTES_PER_ENTRY = 4 * WORDS_PER_ENTRY

/** 16 neighbouring chunks of the ledger, the first of which has an index that 16 divides. */
export type IdRow = { readonly index: number; readonly names: readonly ChunkName[] }

/** The rows that are whole among chunks of one ledger, by rising index, and the chunks that belong to none. */
export const rowsOf = (names: readonly ChunkName[]): { rows: IdRow[]; others: ChunkName[] } => {
  const byIndex = new Map(names.map(name => [name.index, name]))
  const rows: IdRow[] = []
  const others: ChunkName[] = []
  for (const name of names) {
    const index = Math.floor(name.index / ROW_CHUNKS)
    const row = Array.from({ length: ROW_CHUNKS }, (_, i) => byIndex.get(index * ROW_CHUNKS + i))
    const of_row = row.filter(each => each !== undefined)
    if (of_row.length < ROW_CHUNKS) others.push(name)
    else if (name.index % ROW_CHUNKS === 0) rows.push({ index, names: of_row })
  }
  return { rows, others }
}

/** The number of buckets of a row. `chunk_events` is the length of a chunk. */
export const bucketsOf = (chunk_events: number): number =>
  Math.max(1, Math.floor((ROW_CHUNKS * chunk_events) / BUCKET_EVENTS))

export const bucketOf = ({ low }: Pick<IdHash, 'low'>, buckets: number): number =>
  Math.floor((low / 2 ** 32) * buckets)

export const bucketSubject = ({ index, names }: IdRow, bucket: number): string =>
  `${TRANSACTION_IDS_PREFIX}row.${index}.${names.at(-1)?.own}.${bucket}`

/** The bodies of the buckets of a row, from its chunks in their order. */
export const makeBuckets = (chunks: readonly IdChunk[], buckets: number): Uint8Array[] => {
  const first_seq = chunks[0]?.first_seq ?? 1
  const hash: IdHash = { low: 0, high: 0 }
  const forEachId = (take: (seq: number) => void): void => {
    for (const chunk of chunks)
      for (let seq = chunk.first_seq; seq <= chunk.last_seq; seq += 1) if (chunk.read(seq, hash)) take(seq)
  }
  const sizes = new Uint32Array(buckets)
  forEachId(() => {
    const bucket = bucketOf(hash, buckets)
    sizes[bucket] = (sizes[bucket] ?? 0) + 1
  })
  const views = Array.from(sizes, size => new DataView(new ArrayBuffer(size * BYTES_PER_ENTRY)))
  const filled = new Uint32Array(buckets)
  forEachId(seq => {
    const bucket = bucketOf(hash, buckets)
    const at = (filled[bucket] ?? 0) * BYTES_PER_ENTRY
    filled[bucket] = (filled[bucket] ?? 0) + 1
    const view = views[bucket]
    view?.setUint32(at, hash.low, true)
    view?.setUint32(at + 4, hash.high, true)
    view?.setUint32(at + 8, seq - first_seq, true)
  })
  return views.map(({ buffer }) => new Uint8Array(buffer))
}

/** Calls `take` with each hash of a bucket and the sequence of its event. False: the body is of no bucket. */
export const readBucket = (
  body: Uint8Array,
  first_seq: number,
  take: (seq: number, hash: IdHash) => void,
): boolean => {
  if (body.length % BYTES_PER_ENTRY !== 0) return false
  const view = new DataView(body.buffer, body.byteOffset, body.length)
  const hash: IdHash = { low: 0, high: 0 }
  for (let at = 0; at < body.length; at += BYTES_PER_ENTRY) {
    hash.low = view.getUint32(at, true)
    hash.high = view.getUint32(at + 4, true)
    take(first_seq + view.getUint32(at + 8, true), hash)
  }
  return true
}
