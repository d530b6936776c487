/**
 * Finds the events of transaction ids that are too old to be known in memory: in the checkpoint of ids, and in the ledger where
 * no chunk of the checkpoint tells.
 *
 * That reads 8 bytes for each event of the ledger, 80 MB for ten million, so it is for those few ids that an event probably has.
 */

import type { Logger } from 'pino'
import { type Reader, readRange } from '../stream/read.js'
import { LEDGER_STREAM, LEDGER_SUBJECTS } from '../stream/settings.js'
import { hashOfEvent } from './hash-of-event.js'
import { CHUNK_EVENTS, type IdChunk } from './id-chunk.js'
import { hashText, type IdHash } from './id-hash.js'
import { readCheckpoint } from './read-checkpoint.js'

/** The most events that are read from the ledger itself: then the checkpoint lacks too much. */
const LEDGER_EVENTS_MAX = 500_000

/** Wanted ids by their hashes. Most hashes are none of them, and are told apart by 16 bits. */
class Wanted {
  readonly #marks = new Uint8Array(2 ** 16)
  readonly #ids = new Map<string, string[]>()
  readonly #hash: IdHash = { low: 0, high: 0 }
  /** The sequences of each id, as far as they were found. */
  readonly found = new Map<string, number[]>()

  constructor(ids: readonly string[]) {
    for (const id of ids) {
      const { low, high } = hashText(id, this.#hash)
      this.#marks[low >>> 16] = 1
      const key = `${low} ${high}`
      this.#ids.set(key, [...(this.#ids.get(key) ?? []), id])
      this.found.set(id, [])
    }
  }

  #take(seq: number, { low, high }: IdHash): void {
    if (this.#marks[low >>> 16] === 0) return
    for (const id of this.#ids.get(`${low} ${high}`) ?? []) this.found.get(id)?.push(seq)
  }

  takeChunk(chunk: IdChunk): void {
    for (let seq = chunk.first_seq; seq <= chunk.last_seq; seq += 1)
      if (chunk.read(seq, this.#hash)) this.#take(seq, this.#hash)
  }

  takeEvent(seq: number, body: Uint8Array): void {
    if (hashOfEvent(body, this.#hash)) this.#take(seq, this.#hash)
  }
}

/** The sequences of the events that have the hash of an id, from the first one on; nearly always they have the id too. */
type SeqsOfIds = ReadonlyMap<string, readonly number[]>

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
  const readLedger = async (wanted: Wanted, from_seq: number, to_seq: number): Promise<void> => {
    if (from_seq > to_seq) return
    const range = { stream: LEDGER_STREAM, subject: LEDGER_SUBJECTS, from_seq, to_seq }
    for await (const { seq, body } of readRange(deps.nc, range)) wanted.takeEvent(seq, body)
  }

  return async (ids, to_seq) => {
    const wanted = new Wanted(ids)
    const { log } = deps
    const range = { from_index: 0, to_index: Math.ceil(to_seq / chunk_events), events: chunk_events }
    let position = 0
    let from_ledger = 0
    const readTo = async (seq: number): Promise<void> => {
      from_ledger += Math.max(0, seq - position)
      if (from_ledger > ledger_events_max)
        throw new Error(`the checkpoint of transaction ids lacks more than ${ledger_events_max} events`)
      await readLedger(wanted, position + 1, seq)
    }
    const chunks = readCheckpoint(
      deps,
      range,
      ({ subject }) =>
        log.warn({ subject }, 'a chunk of transaction ids has another content than the ledger'),
      err => log.debug({ err }, 'no checkpoint of the transaction ids can be read'),
    )
    for await (const { chunk } of chunks) {
      await readTo(chunk.first_seq - 1)
      wanted.takeChunk(chunk)
      position = chunk.last_seq
    }
    await readTo(to_seq)
    return wanted.found
  }
}
