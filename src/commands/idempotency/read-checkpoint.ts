/**
 * Reads the checkpoint of transaction ids: the chunks of which the ledger has the events, in the order of the ledger.
 *
 * A chunk is not believed by itself. The ledger has to have the event that the chunk names as its last one, and that event
 * and some others, chosen by chance, have to have the hashes that the chunk holds for them. Chunks that are missing or not
 * believed are left out; their events have to be read from the ledger.
 */

import type { NatsConnection } from 'nats'
import { type BackOff, pause } from '../../back-off.js'
import { E, type TaskEither } from '../../fp.js'
import { inParallel } from '../../parallel.js'
import { readDirect } from '../../stream/direct.js'
import type { StreamError } from '../../stream/errors.js'
import { nextKnown } from '../../stream/read.js'
import type { Recorded } from '../../stream/recorded.js'
import {
  LEDGER_STREAM,
  LEDGER_SUBJECTS,
  TRANSACTION_IDS_PREFIX,
  TRANSACTION_IDS_STREAM,
} from '../../stream/settings.js'
import { type EventAt, IdChunk, isLastEvent, lastPointOf } from './id-chunk.js'
import type { IdHash } from './id-hash.js'
import { hashOfEvent } from './id-set.js'

/** A chunk of the ledger, and its last event as the ledger has it. */
export type FoundChunk = { readonly chunk: IdChunk; readonly last: EventAt }

export type CheckpointRange = {
  /** The first chunk, and the one before which the reading ends. */
  readonly from_index: number
  readonly to_index: number
  /** The number of events of a chunk. */
  readonly events: number
}

/** A chunk that is not of this ledger, and its sequence in the stream of the chunks. */
export type WrongChunk = { readonly index: number; readonly seq: number }

type Judged =
  | ({ readonly tag: 'right' } & FoundChunk)
  | { readonly tag: 'wrong'; readonly index: number; readonly seq: number }
  /** The servers did not say enough. */
  | { readonly tag: 'unknown' }

/** The chunks of one request: 4 MiB. The next request is under way while the ids of one are taken. */
const CHUNKS_PER_REQUEST = 8
/** The events of a chunk that are read again, besides the last one. */
const SAMPLES = 3
const READS_MAX = 32
const TRIES_MAX = 3
const BACK_OFF: BackOff = { first_ms: 50, max_ms: 1_000 }
const never = new AbortController().signal

export const chunkSubject = (index: number): string => `${TRANSACTION_IDS_PREFIX}${index}`

const indexOf = (subject: string): number => Number(subject.slice(TRANSACTION_IDS_PREFIX.length))

/** Tries again while the answer is an error, a few times. */
const withPatience = async <A>(ask: TaskEither<StreamError, A>): Promise<E.Either<StreamError, A>> => {
  for (let attempt = 1; ; attempt += 1) {
    const answer = await ask()
    if (E.isRight(answer) || attempt === TRIES_MAX) return answer
    await pause(BACK_OFF, attempt, never)
  }
}

const hasItsHash = (chunk: IdChunk, { seq, body }: Recorded): boolean => {
  const [noted, own]: [IdHash, IdHash] = [
    { low: 0, high: 0 },
    { low: 0, high: 0 },
  ]
  const is_noted = chunk.read(seq, noted)
  return hashOfEvent(body, own) ? noted.low === own.low && noted.high === own.high : !is_noted
}

/** Compares a chunk with the ledger: its last event, and some others. */
const judge = async (nc: NatsConnection, message: Recorded, events: number): Promise<Judged> => {
  const index = indexOf(message.subject)
  const wrong = { tag: 'wrong', index, seq: message.seq } as const
  const named = lastPointOf(message.headers)
  if (!IdChunk.fits(message.body, events) || named === undefined) return wrong
  const chunk = new IdChunk(index, message.body)
  if (named.seq !== chunk.last_seq) return wrong
  const samples = Array.from(
    { length: SAMPLES },
    () => chunk.first_seq + Math.floor(Math.random() * (events - 1)),
  )
  const read = await inParallel(SAMPLES + 1, [chunk.last_seq, ...samples], seq =>
    withPatience(nextKnown(nc, LEDGER_STREAM, LEDGER_SUBJECTS, seq)),
  )
  const found = read.flatMap(answer =>
    E.isRight(answer) && answer.right !== undefined ? [answer.right] : [],
  )
  const [last] = found
  if (last === undefined || found.length < read.length) return { tag: 'unknown' }
  if (!isLastEvent(named, last)) return wrong
  // a place without an event has the next event, which may be of the next chunk
  const is_right = found.every(event => event.seq > chunk.last_seq || hasItsHash(chunk, event))
  return is_right ? { tag: 'right', chunk, last } : wrong
}

const readGroup = async (
  nc: NatsConnection,
  from: number,
  to: number,
  events: number,
): Promise<E.Either<StreamError, readonly Judged[]>> => {
  const subjects = Array.from({ length: to - from }, (_, i) => chunkSubject(from + i))
  const read = await withPatience(readDirect(nc, TRANSACTION_IDS_STREAM, { multi_last: subjects }))
  if (E.isLeft(read)) return read
  const messages = [...read.right.messages].sort((a, b) => indexOf(a.subject) - indexOf(b.subject))
  return E.right(await inParallel(READS_MAX, messages, message => judge(nc, message, events)))
}

/**
 * Gives the chunks that the ledger has, by rising index, and tells `onWrong` of those that are of another ledger, or damaged.
 * Ends early, with a word to `onEnd`, when the chunks cannot be read: there may be no stream of them, or no right to it.
 */
export async function* readCheckpoint(
  nc: NatsConnection,
  { from_index, to_index, events }: CheckpointRange,
  onWrong: (wrong: WrongChunk) => void,
  onEnd: (error: StreamError) => void,
): AsyncGenerator<FoundChunk> {
  const read = (from: number) =>
    from < to_index ? readGroup(nc, from, Math.min(from + CHUNKS_PER_REQUEST, to_index), events) : undefined
  let next = read(from_index)
  for (let from = from_index + CHUNKS_PER_REQUEST; next !== undefined; from += CHUNKS_PER_REQUEST) {
    const group = await next
    if (E.isLeft(group)) {
      onEnd(group.left)
      return
    }
    next = read(from)
    for (const judged of group.right) {
      if (judged.tag === 'right') yield judged
      else if (judged.tag === 'wrong') onWrong(judged)
    }
  }
}
