/**
 * Compares the checkpoint of transaction ids with the stream: every place of every chunk that a start of `commands` would
 * believe. A start itself looks at a few places only, so it does not find a single id that somebody left out on purpose,
 * and the command with that id would be carried out a second time (docs/adr/0036).
 *
 * A start believes a chunk whose name follows from the ledger's event at its end, and the chunks that such a chunk names,
 * one after the other. Other chunks are of events that were lost, or of another stream: they are counted, and no more. The index of
 * believed chunks is compared with them (id-index-check.ts).
 */

import { pipe, type TaskEither, TE } from '../fp.js'
import { readDirect } from '../stream/direct.js'
import { type StreamError, tryStream } from '../stream/errors.js'
import { TRANSACTION_IDS_PREFIX, TRANSACTION_IDS_STREAM } from '../stream/settings.js'
import { type ChunkSubject, chunkOf, endsWith, HASH_BYTES, writeHash } from './checkpoint-chunk.js'
import type { Run } from './deps.js'
import type { Difference } from './difference.js'
import { IdIndexCheck } from './id-index-check.js'
import { persist } from './problem.js'
import type { Step } from './walk.js'

/** The number of events of a chunk. */
const CHUNK_EVENTS = 65_536
/** The places of one chunk that are named; a chunk of something else differs at all of its places. */
const NAMED_MAX = 10

export type KnownIdsReport = {
  /** The number of chunks of this ledger that were compared. */
  readonly compared: number
  /** The number of chunks that no start believes. */
  readonly not_believed: number
  readonly differences: number
}

type ComparedChunk = {
  readonly name: ChunkSubject
  /** Its name follows from the event at its end. */
  readonly is_named: boolean
  readonly wrong: readonly Difference[]
}

/** The events of the chunk that is being walked through. */
type Events = {
  readonly index: number
  /** The transaction ids by the places of their events. */
  readonly ids: (string | undefined)[]
  /** The places that are not compared: events of other customers, and events that this program cannot read. */
  readonly passed: Set<number>
}

type Listing =
  | { readonly tag: 'listed'; readonly subjects: readonly string[] }
  /** There is no checkpoint: a young ledger has none yet, and it may be deleted at any time. */
  | { readonly tag: 'none' }
  | { readonly tag: 'forbidden'; readonly reason: string }

const chunksByIndex = (subjects: readonly string[]): Map<number, ChunkSubject[]> => {
  const chunks = new Map<number, ChunkSubject[]>()
  for (const subject of subjects) {
    const name = chunkOf(subject)
    if (name !== undefined) chunks.set(name.index, [...(chunks.get(name.index) ?? []), name])
  }
  return chunks
}

const isZero = (hash: Buffer): boolean => hash.every(byte => byte === 0)

export class KnownIdsCheck {
  readonly #run: Run
  readonly #chunk_events: number
  readonly #has_checkpoint: boolean
  readonly #chunks: ReadonlyMap<number, readonly ChunkSubject[]>
  readonly #compared: ComparedChunk[] = []
  /** The reasons why chunks could not be compared. */
  readonly not_compared: string[] = []
  #events: Events | undefined
  readonly #index: IdIndexCheck

  constructor(run: Run, listing: Listing, chunk_events: number) {
    this.#run = run
    this.#chunk_events = chunk_events
    this.#index = new IdIndexCheck(run, chunk_events)
    this.#has_checkpoint = listing.tag === 'listed'
    this.#chunks = chunksByIndex(listing.tag === 'listed' ? listing.subjects : [])
    if (listing.tag === 'forbidden') this.not_compared.push(listing.reason)
  }

  /** Takes a page of events, in the order of the stream, and compares each chunk that ends with one of them. */
  async page(steps: readonly Step[]): Promise<void> {
    for (const step of steps) {
      const { seq } = step.entry
      const index = Math.floor((seq - 1) / this.#chunk_events)
      if (!this.#chunks.has(index)) continue
      this.#take(index, step)
      if (seq === (index + 1) * this.#chunk_events) await this.#end(step)
    }
  }

  #take(index: number, { entry, id, event, outcome }: Step): void {
    if (this.#events?.index !== index) this.#events = { index, ids: [], passed: new Set() }
    const { ids, passed } = this.#events
    const place = (entry.seq - 1) % this.#chunk_events
    ids[place] = event?.transaction_id
    const { client_id } = this.#run
    const is_unread = event === undefined && (outcome === 'left out' || outcome === 'SKIPPED')
    if (is_unread || (client_id !== undefined && client_id !== id)) passed.add(place)
  }

  async #end({ entry: last }: Step): Promise<void> {
    const events = this.#events
    if (events === undefined) return
    const should_be = new DataView(new ArrayBuffer(this.#chunk_events * HASH_BYTES))
    for (const [place, id] of events.ids.entries()) if (id !== undefined) writeHash(should_be, place, id)
    const names = this.#chunks.get(events.index) ?? []
    const hashes = Buffer.from(should_be.buffer)
    const in_index = await this.#index.take(
      { index: events.index, body: hashes, is_whole: events.passed.size === 0 },
      names.map(({ own }) => own),
    )
    for (const name of names) {
      const body = await this.#read(name)
      if (body === undefined) continue
      const wrong = [...this.#compare(name, events, hashes, body), ...(in_index.get(name.own) ?? [])]
      this.#compared.push({ name, is_named: endsWith(name, last), wrong })
    }
  }

  async #read({ subject }: ChunkSubject): Promise<Buffer | undefined> {
    const { nc, signal } = this.#run
    const read = readDirect(nc, TRANSACTION_IDS_STREAM, { multi_last: [subject] })
    const [message] = (await persist(read, signal)).messages
    // it was deleted meanwhile, which is allowed at any time
    if (message === undefined)
      this.not_compared.push(`the chunk ${subject} of known ids is not there any more`)
    return message && Buffer.from(message.body)
  }

  /** The differences of a chunk: at the most `NAMED_MAX` places, and one that counts the further ones. */
  #compare({ subject, index }: ChunkSubject, events: Events, should_be: Buffer, is: Buffer): Difference[] {
    const about = { where: 'known-ids', detail: `chunk ${subject}` } as const
    if (is.length !== should_be.length) {
      const sizes = { field: 'bytes', is: String(is.length), should_be: String(should_be.length) }
      return [{ ...about, kind: 'differs', id: subject, ...sizes }]
    }
    if (is.equals(should_be)) return []
    const wrong: Difference[] = []
    let more = 0
    for (let place = 0; place < this.#chunk_events; place += 1) {
      const [from, to] = [place * HASH_BYTES, (place + 1) * HASH_BYTES]
      const found = is.subarray(from, to)
      if (events.passed.has(place) || found.equals(should_be.subarray(from, to))) continue
      if (wrong.length === NAMED_MAX) {
        more += 1
        continue
      }
      const id = events.ids[place]
      const kind = isZero(found) ? 'missing' : id === undefined ? 'stray' : 'differs'
      wrong.push({ ...about, kind, id: id ?? '', seq: index * this.#chunk_events + place + 1 })
    }
    if (more > 0)
      wrong.push({ ...about, kind: 'differs', id: '', detail: `${more} more events of ${subject}` })
    return wrong
  }

  /** Reports what is wrong in chunks that a start would believe. Undefined: there is no checkpoint to compare. */
  end(): KnownIdsReport | undefined {
    if (!this.#has_checkpoint) return undefined
    /** The names that a believed chunk gives to the chunk before it. */
    const named = new Set<string>()
    const newest_first = this.#compared.toSorted((a, b) => b.name.index - a.name.index)
    const believed = newest_first.filter(({ name: { index, before, own }, is_named }) => {
      if (!is_named && !named.has(`${index} ${own}`)) return false
      named.add(`${index - 1} ${before}`)
      return true
    })
    for (const { wrong } of believed.reverse())
      for (const difference of wrong) this.#run.differences.add(difference)
    return {
      compared: believed.length,
      not_believed: newest_first.length - believed.length,
      differences: this.#run.differences.count('known-ids'),
    }
  }
}

/** Lists the chunks that are there now. */
const listChunks = ({ jsm }: Run): TaskEither<StreamError, Listing> =>
  pipe(
    tryStream(`stream ${TRANSACTION_IDS_STREAM}`, () =>
      jsm.streams.info(TRANSACTION_IDS_STREAM, { subjects_filter: `${TRANSACTION_IDS_PREFIX}*.*.*` }),
    ),
    TE.map(({ state }): Listing => ({ tag: 'listed', subjects: Object.keys(state.subjects ?? {}) })),
    TE.orElse((error): TaskEither<StreamError, Listing> => {
      if (error.tag === 'NotFound') return TE.right({ tag: 'none' })
      return error.tag === 'Forbidden'
        ? TE.right({ tag: 'forbidden', reason: `the checkpoint of known ids: ${error.message}` })
        : TE.left(error)
    }),
  )

/** Creates the check of the chunks that are there now. Throws `CannotVerify`. */
export const createKnownIdsCheck = async (run: Run, chunk_events = CHUNK_EVENTS): Promise<KnownIdsCheck> => {
  const listing = await persist(listChunks(run), run.signal)
  return new KnownIdsCheck(run, listing, chunk_events)
}
