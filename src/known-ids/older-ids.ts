/**
 * Finds the events of transaction ids that are too old to be known in memory: in the checkpoint of ids, and in the ledger where
 * no chunk of the checkpoint tells.
 *
 * Where there is the index of the ids (id-index.ts) that reads some kilobytes for each million events, elsewhere 8 bytes for each
 * event.
 */

import type { Logger } from 'pino'
import { E } from '../fp.js'
import { chunksOf } from '../parallel.js'
import { readDirect } from '../stream/direct.js'
import { type Reader, readRange } from '../stream/read.js'
import { LEDGER_STREAM, LEDGER_SUBJECTS, TRANSACTION_IDS_STREAM } from '../stream/settings.js'
import { hashOfEvent } from './hash-of-event.js'
import { CHUNK_EVENTS, type IdChunk } from './id-chunk.js'
import { hashText, type IdHash } from './id-hash.js'
import { bucketOf, bucketSubject, bucketsOf, type IdRow, ROW_CHUNKS, readBucket, rowsOf } from './id-index.js'
import { type CheckpointWords, findChunks, readChunks, withPatience } from './read-checkpoint.js'

/** The most events that are read from the ledger itself: then the checkpoint lacks too much. */
const LEDGER_EVENTS_MAX = 500_000

/** Wanted ids by their hashes. Most hashes are none of them, and are told apart by 16 bits. */
class Wanted {
  readonly #marks = new Uint8Array(2 ** 16)
  readonly #ids = new Map<string, string[]>()
  readonly #hash: IdHash = { low: 0, high: 0 }
  readonly #found = new Map<string, number[]>()
  /** The hashes of all ids. */
  readonly hashes: readonly IdHash[]

  constructor(ids: readonly string[]) {
    this.hashes = ids.map(id => hashText(id, { low: 0, high: 0 }))
    for (const [i, id] of ids.entries()) {
      const { low = 0, high = 0 } = this.hashes[i] ?? {}
      this.#marks[low >>> 16] = 1
      const key = `${low} ${high}`
      this.#ids.set(key, [...(this.#ids.get(key) ?? []), id])
      this.#found.set(id, [])
    }
  }

  /** The sequences of each id, from the first one on. */
  found(): SeqsOfIds {
    const inOrder = (seqs: readonly number[]): number[] => [...new Set(seqs)].sort((a, b) => a - b)
    return new Map([...this.#found].map(([id, seqs]) => [id, inOrder(seqs)]))
  }

  take(seq: number, { low, high }: IdHash): void {
    if (this.#marks[low >>> 16] === 0) return
    for (const id of this.#ids.get(`${low} ${high}`) ?? []) this.#found.get(id)?.push(seq)
  }

  takeChunk(chunk: IdChunk): void {
    for (let seq = chunk.first_seq; seq <= chunk.last_seq; seq += 1)
      if (chunk.read(seq, this.#hash)) this.take(seq, this.#hash)
  }

  takeEvent(seq: number, body: Uint8Array): void {
    if (hashOfEvent(body, this.#hash)) this.take(seq, this.#hash)
  }
}

/** The sequences of the events that have the hash of an id, from the first one on; nearly always they have the id too. */
type SeqsOfIds = ReadonlyMap<string, readonly number[]>

/** The subjects of one request: about 2 MB of buckets. */
const SUBJECTS_PER_REQUEST = 200

/** Takes what the index of the rows tells of the wanted ids, and gives the rows of which it told all. */
const readIndex = async (
  { nc }: Reader,
  rows: readonly IdRow[],
  wanted: Wanted,
  chunk_events: number,
): Promise<readonly IdRow[]> => {
  const buckets = bucketsOf(chunk_events)
  const needed = [...new Set(wanted.hashes.map(hash => bucketOf(hash, buckets)))]
  const bodies = new Map<string, Uint8Array>()
  const subjects = rows.flatMap(row => needed.map(bucket => bucketSubject(row, bucket)))
  for (const multi_last of chunksOf(SUBJECTS_PER_REQUEST, subjects)) {
    const read = await withPatience(readDirect(nc, TRANSACTION_IDS_STREAM, { multi_last }))
    // the chunks tell instead
    if (E.isLeft(read)) return []
    for (const { subject, body } of read.right.messages) bodies.set(subject, body)
  }
  return rows.filter(row => {
    const of_row = needed.map(bucket => bodies.get(bucketSubject(row, bucket)))
    const first_seq = row.index * ROW_CHUNKS * chunk_events + 1
    return of_row.every(
      body => body !== undefined && readBucket(body, first_seq, (seq, hash) => wanted.take(seq, hash)),
    )
  })
}

/**
 * Finds the events up to `to_seq` of each of `ids`. Rejects when not all events could be looked at, and when too many of them
 * would have to be read from the ledger.
 */
export type FindOlderIds = (ids: readonly string[], to_seq: number) => Promise<SeqsOfIds>

/** The length of the checkpoint's chunks, one for all instances, and the most events that are read from the ledger. */
type OlderIdsOptions = { readonly chunk_events?: number; readonly ledger_events_max?: number }

export const createFindOlderIds = (
  deps: Reader & { readonly log: Logger },
  { chunk_events = CHUNK_EVENTS, ledger_events_max = LEDGER_EVENTS_MAX }: OlderIdsOptions = {},
): FindOlderIds => {
  const words: CheckpointWords = {
    onWrong: ({ subject }) =>
      deps.log.warn({ subject }, 'a chunk of transaction ids has another content than the ledger'),
    onEnd: err => deps.log.debug({ err }, 'no checkpoint of the transaction ids can be read'),
  }

  /** Looks at the events that no chunk told of. */
  const readLedger = async (
    wanted: Wanted,
    to_seq: number,
    isDone: (index: number) => boolean,
  ): Promise<void> => {
    const ranges: { from_seq: number; to_seq: number }[] = []
    for (let first = 1; first <= to_seq; first += chunk_events) {
      if (isDone((first - 1) / chunk_events)) continue
      const [last_seq, before] = [Math.min(first + chunk_events - 1, to_seq), ranges.at(-1)]
      if (before?.to_seq === first - 1) before.to_seq = last_seq
      else ranges.push({ from_seq: first, to_seq: last_seq })
    }
    const events = ranges.reduce((sum, range) => sum + range.to_seq - range.from_seq + 1, 0)
    if (events > ledger_events_max)
      throw new Error(`the checkpoint of transaction ids lacks more than ${ledger_events_max} events`)
    for (const range of ranges) {
      const records = readRange(deps.nc, { stream: LEDGER_STREAM, subject: LEDGER_SUBJECTS, ...range })
      for await (const { seq, body } of records) wanted.takeEvent(seq, body)
    }
  }

  return async (ids, to_seq) => {
    const wanted = new Wanted(ids)
    const range = { from_index: 0, to_index: Math.ceil(to_seq / chunk_events), events: chunk_events }
    const chosen = await findChunks(deps, range, words)
    const { rows } = rowsOf(chosen.map(({ name }) => name))
    const done = new Set<number>()
    for (const { names } of await readIndex(deps, rows, wanted, chunk_events))
      for (const { index } of names) done.add(index)
    const rest = chosen.filter(({ name }) => !done.has(name.index))
    for await (const { chunk } of readChunks(deps, rest, chunk_events, words)) {
      wanted.takeChunk(chunk)
      done.add(chunk.index)
    }
    await readLedger(wanted, to_seq, index => done.has(index))
    return wanted.found()
  }
}
