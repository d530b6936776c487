/**
 * Reads the checkpoint of transaction ids: the chunks of which the ledger has the events, in the order of the ledger.
 *
 * The names of all chunks are read first. A chunk is of the ledger if its name follows from its last event as the ledger has
 * it. The chunk before is the one that it names, and so on, so one event of the ledger tells for many chunks: to read one of each
 * would make nats-server load all of its blocks. Some events, chosen by chance, are read again, to find hashes that are of
 * something else. Chunks that are missing, or not believed, are left out; their events have to be read from the ledger.
 */

import { type BackOff, pause } from '../back-off.js'
import { E, type TaskEither } from '../fp.js'
import { chunksOf, inParallel } from '../parallel.js'
import { readDirect } from '../stream/direct.js'
import { type StreamError, tryStream } from '../stream/errors.js'
import { nextKnown, type Reader } from '../stream/read.js'
import type { Recorded } from '../stream/recorded.js'
import { LEDGER_STREAM, LEDGER_SUBJECTS, TRANSACTION_IDS_STREAM } from '../stream/settings.js'
import { hashOfEvent } from './hash-of-event.js'
import {
  type ChunkName,
  chunkNameAfter,
  chunkNameOf,
  chunkSubject,
  EVERY_CHUNK,
  IdChunk,
  type NamedChunk,
} from './id-chunk.js'
import type { IdHash } from './id-hash.js'

/** A chunk of the ledger; for the newest of a row of chunks also its last event, as the ledger has it. */
export type FoundChunk = NamedChunk & { readonly last: Recorded | undefined }

export type CheckpointRange = {
  /** The first chunk, and the one before which the reading ends. */
  readonly from_index: number
  readonly to_index: number
  /** The number of events of a chunk. */
  readonly events: number
}

/** A message that has the name of a chunk of the ledger, but not its content. */
export type WrongChunk = { readonly subject: string; readonly seq: number }

/** The name of a chunk of the ledger; for the newest of a row of chunks also its last event, as the ledger has it. */
export type Chosen = { readonly name: ChunkName; readonly last: Recorded | undefined }

/** The chunks of one request: 4 MiB. The next request is under way while the ids of one are taken. */
const CHUNKS_PER_REQUEST = 8
/** In so many chunks one event is read again. */
const SAMPLES = 16
const TRIES_MAX = 3
const BACK_OFF: BackOff = { first_ms: 50, max_ms: 1_000 }
const never = new AbortController().signal

/** Tries again while the answer is an error that may pass, a few times. */
export const withPatience = async <A>(ask: TaskEither<StreamError, A>): Promise<E.Either<StreamError, A>> => {
  for (let attempt = 1; ; attempt += 1) {
    const answer = await ask()
    if (E.isRight(answer) || answer.left.tag !== 'TryAgain' || attempt === TRIES_MAX) return answer
    await pause(BACK_OFF, attempt, never)
  }
}

/** The event at `seq`, or the first one after it; undefined when no server gives one. */
const eventFrom = async ({ nc }: Reader, seq: number): Promise<Recorded | undefined> => {
  const found = await withPatience(nextKnown(nc, LEDGER_STREAM, LEDGER_SUBJECTS, seq))
  return E.isRight(found) ? found.right : undefined
}

/** The names of all chunks in the stream, by their places. */
const readNames = async ({ jsm }: Reader): Promise<E.Either<StreamError, Map<number, ChunkName[]>>> => {
  // the index of the ids has many more subjects
  const query = { subjects_filter: EVERY_CHUNK }
  const info = await withPatience(
    tryStream(`stream ${TRANSACTION_IDS_STREAM}`, () => jsm.streams.info(TRANSACTION_IDS_STREAM, query)),
  )
  if (E.isLeft(info)) return info
  const names = new Map<number, ChunkName[]>()
  for (const subject of Object.keys(info.right.state.subjects ?? {})) {
    const name = chunkNameOf(subject)
    if (name !== undefined) names.set(name.index, [...(names.get(name.index) ?? []), name])
  }
  return E.right(names)
}

/** The chunks of the ledger among `names`, the newest one first. */
const chooseChunks = async (
  reader: Reader,
  names: ReadonlyMap<number, readonly ChunkName[]>,
  { from_index, to_index, events }: CheckpointRange,
): Promise<Chosen[]> => {
  const chosen: Chosen[] = []
  /** The name of the next chunk, by the one after it; undefined when the ledger has to tell it. */
  let wanted: string | undefined
  for (let index = to_index - 1; index >= from_index; index -= 1) {
    const found = names.get(index) ?? []
    const seq = (index + 1) * events
    const last = wanted === undefined && found.length > 0 ? await eventFrom(reader, seq) : undefined
    const name = found.find(({ before, own }) =>
      wanted === undefined ? last?.seq === seq && own === chunkNameAfter(before, last) : own === wanted,
    )
    if (name !== undefined) chosen.push({ name, last })
    wanted = name?.before
  }
  return chosen
}

/** Whether an event of the chunk, chosen by chance, has the hash that the chunk holds for it. */
const hasRightSample = async (reader: Reader, chunk: IdChunk): Promise<boolean> => {
  const seq = chunk.first_seq + Math.floor(Math.random() * (chunk.last_seq - chunk.first_seq + 1))
  const event = await eventFrom(reader, seq)
  // a place without an event has the next event, which may be of the next chunk
  if (event === undefined || event.seq > chunk.last_seq) return true
  const noted: IdHash = { low: 0, high: 0 }
  const own: IdHash = { low: 0, high: 0 }
  const is_noted = chunk.read(event.seq, noted)
  return hashOfEvent(event.body, own) ? noted.low === own.low && noted.high === own.high : !is_noted
}

type Group = { readonly found: readonly FoundChunk[]; readonly wrong: readonly WrongChunk[] }

const readGroup = async (
  reader: Reader,
  chosen: readonly Chosen[],
  isSample: (index: number) => boolean,
  events: number,
): Promise<E.Either<StreamError, Group>> => {
  const subjects = chosen.map(({ name }) => chunkSubject(name))
  const read = await withPatience(readDirect(reader.nc, TRANSACTION_IDS_STREAM, { multi_last: subjects }))
  if (E.isLeft(read)) return read
  const messages = new Map(read.right.messages.map(message => [message.subject, message]))
  const wrong: WrongChunk[] = []
  const found = await inParallel(CHUNKS_PER_REQUEST, chosen, async ({ name, last }) => {
    const subject = chunkSubject(name)
    const message = messages.get(subject)
    if (message === undefined) return []
    const chunk = IdChunk.fits(message.body, events) ? new IdChunk(name.index, message.body) : undefined
    const is_right = chunk !== undefined && (!isSample(name.index) || (await hasRightSample(reader, chunk)))
    if (chunk === undefined || !is_right) wrong.push({ subject, seq: message.seq })
    return chunk === undefined || !is_right ? [] : [{ name, chunk, last }]
  })
  return E.right({ found: found.flat(), wrong })
}

/** Says of which chunks an event is read again: of about `SAMPLES` ones, at equal distances. */
const sampler = (chunks: number): ((index: number) => boolean) => {
  const step = Math.max(1, Math.floor(chunks / SAMPLES))
  const first = Math.floor(Math.random() * step)
  return index => index % step === first
}

/** What is said of the reading of chunks. */
export type CheckpointWords = {
  readonly onWrong: (wrong: WrongChunk) => void
  /** The chunks cannot be read: there may be no stream of them, or no right to it. */
  readonly onEnd: (error: StreamError) => void
}

/** The chunks that the ledger has, by rising index; none, with a word to `onEnd`, when their names cannot be read. */
export const findChunks = async (
  reader: Reader,
  range: CheckpointRange,
  { onEnd }: Pick<CheckpointWords, 'onEnd'>,
): Promise<readonly Chosen[]> => {
  if (range.from_index >= range.to_index) return []
  const names = await readNames(reader)
  if (E.isRight(names)) return (await chooseChunks(reader, names.right, range)).reverse()
  onEnd(names.left)
  return []
}

/**
 * Reads `chosen` chunks in their order, and tells `onWrong` of those that have another content. Ends early, with a word to
 * `onEnd`, when they cannot be read.
 */
export async function* readChunks(
  reader: Reader,
  chosen: readonly Chosen[],
  events: number,
  { onWrong, onEnd }: CheckpointWords,
): AsyncGenerator<FoundChunk> {
  const isSample = sampler(chosen.length)
  const groups = chunksOf(CHUNKS_PER_REQUEST, chosen)
  const read = (group: readonly Chosen[] | undefined) => group && readGroup(reader, group, isSample, events)
  let next = read(groups.shift())
  while (next !== undefined) {
    const group = await next
    if (E.isLeft(group)) return onEnd(group.left)
    next = read(groups.shift())
    for (const wrong of group.right.wrong) onWrong(wrong)
    yield* group.right.found
  }
}
