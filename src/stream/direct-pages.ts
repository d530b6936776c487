/**
 * Reads a range of a stream in pages, by direct gets, no faster than the reader takes them.
 *
 * A reader makes no consumer, because the right to make one is a right to publish anywhere (docs/adr/0042). A request
 * brings the messages of some sequences, and several requests are under way at once, bounded in number and bytes. Each
 * begins with the last message of the one before: so the pages are those of one log, without a gap, whichever replicas
 * answer, and also when the stream is set back meanwhile. Where a replica has no more, the pages end; this proves nothing.
 */

import type { NatsConnection } from 'nats'
import { type Either, unwrap } from '../fp.js'
import { type DirectAnswer, readDirect } from './direct.js'
import type { StreamError } from './errors.js'
import { isSameMessage, type Recorded, SetBack } from './recorded.js'

export type PagesRange = {
  readonly stream: string
  /** The filter for the messages' subjects; undefined: all messages of the stream. */
  readonly subject: string | undefined
  readonly from_seq: number
  /** The last sequence that is read. */
  readonly to_seq: number
  /** The message that the reader has got before: it must still be stored. */
  readonly after?: Recorded | undefined
  /** A replica was seen to have messages up to this sequence. Without it the first request finds out, alone. */
  readonly known_seq?: number
}

/** The server holds the stream while it answers, so larger requests would make it slow for others. */
const BATCH_MESSAGES_MAX = 1_000
const BATCH_MESSAGES_MIN = 16
/** Batches of one subject are larger: before each, the server counts the messages of the subject. */
const SUBJECT_BATCH_MESSAGES_MAX = 4_000
const BATCH_BYTES_MAX = 2 * 1024 * 1024
/** With `BATCH_BYTES_MAX` this bounds the memory of a reading. */
const REQUESTS_MAX = 8
/** The subject and the headers of a usual event. */
const HEAD_BYTES = 300

/**
 * The messages of an answer that follow `last`, with which it has to begin. Undefined when it begins later.
 *
 * @throws SetBack when another message has the place of `last`
 */
const following = (
  messages: readonly Recorded[],
  last: Recorded | undefined,
): readonly Recorded[] | undefined => {
  const [first] = messages
  if (last === undefined || first === undefined) return messages
  if (first.seq > last.seq) return undefined
  if (!isSameMessage(first, last)) throw new SetBack(`sequence ${last.seq} holds another message than before`)
  return messages.slice(1)
}

/** A request for the messages up to sequence `to`, from sequence `begin` on, which holds the one before them. */
type Request = {
  readonly begin: number
  readonly to: number
  readonly answer: Promise<Either<StreamError, DirectAnswer>>
}

/** The requests under way, the oldest first, and what they aim at. */
type Ahead = {
  requests: Request[]
  /** The newest message that the reader was given. */
  last: Recorded | undefined
  /** The first sequence that is not asked for. */
  next: number
  /** A replica has messages up to this sequence. */
  known_seq: number
  batch_max: number
}

const ask = (
  nc: NatsConnection,
  { stream }: PagesRange,
  begin: number,
  to: number,
  batch: number,
): Request => ({
  begin,
  to,
  answer: readDirect(nc, stream, { seq: begin, batch, max_bytes: BATCH_BYTES_MAX })(),
})

/** Sends requests for what is known to be stored, as many as may be under way. */
const fill = (nc: NatsConnection, range: PagesRange, ahead: Ahead): void => {
  const end = Math.min(range.to_seq, Math.max(ahead.known_seq, range.from_seq))
  while (ahead.requests.length < REQUESTS_MAX && ahead.next <= end) {
    const from = ahead.next
    const to = Math.min(range.to_seq, from + ahead.batch_max - 1)
    const begin = ahead.requests.length > 0 ? from - 1 : (ahead.last?.seq ?? from)
    ahead.requests.push(ask(nc, range, begin, to, to - from + 2))
    ahead.next = to + 1
  }
}

const noteSizes = (ahead: Ahead, page: readonly Recorded[]): void => {
  if (page.length === 0) return
  const bytes = page.reduce((sum, { body }) => sum + body.length + HEAD_BYTES, 0)
  const fitting = Math.floor((BATCH_BYTES_MAX * page.length) / bytes)
  ahead.batch_max = Math.max(BATCH_MESSAGES_MIN, Math.min(BATCH_MESSAGES_MAX, fitting))
}

const upTo = (page: readonly Recorded[], to_seq: number): readonly Recorded[] =>
  (page.at(-1)?.seq ?? 0) <= to_seq ? page : page.filter(({ seq }) => seq <= to_seq)

type Taken = { readonly page: readonly Recorded[]; readonly is_at_end: boolean }

/** Sends the requests anew from the last message on: the sequence at which one of them began is a hole. */
const beginAnew = (ahead: Ahead, { begin }: Request): Taken => {
  const last_seq = ahead.last?.seq ?? 0
  if (begin === last_seq) throw new SetBack(`sequence ${last_seq} holds no message any more`)
  ahead.requests = []
  ahead.next = last_seq + 1
  return { page: [], is_at_end: false }
}

/** Takes the answer to the oldest request, and asks for the rest of it if it came to its limit of bytes. */
const takeAnswer = (
  nc: NatsConnection,
  range: PagesRange,
  ahead: Ahead,
  request: Request,
  { messages, pending }: DirectAnswer,
): Taken => {
  const found = following(messages, ahead.last)
  if (found === undefined) return beginAnew(ahead, request)
  const page = upTo(found, request.to)
  const last = page.at(-1) ?? ahead.last
  const reached_seq = found.at(-1)?.seq ?? 0
  const is_at_end = found.length === 0 || pending === 0
  ahead.last = last
  ahead.known_seq = Math.max(ahead.known_seq, reached_seq + pending)
  noteSizes(ahead, page)
  if (!is_at_end && reached_seq < request.to && last !== undefined)
    ahead.requests.unshift(ask(nc, range, last.seq, request.to, request.to - last.seq + 1))
  return { page, is_at_end }
}

/** All messages of the range, with several requests under way. */
async function* pagesOfAll(nc: NatsConnection, range: PagesRange): AsyncGenerator<readonly Recorded[]> {
  const ahead: Ahead = {
    requests: [],
    last: range.after,
    next: range.from_seq,
    known_seq: range.known_seq ?? range.from_seq,
    batch_max: BATCH_MESSAGES_MAX,
  }
  for (;;) {
    fill(nc, range, ahead)
    const request = ahead.requests.shift()
    if (request === undefined) return
    const { page, is_at_end } = takeAnswer(nc, range, ahead, request, unwrap(await request.answer))
    // the next requests run while the reader works on this page
    if (!is_at_end) fill(nc, range, ahead)
    if (page.length > 0) yield page
    if (is_at_end) return
  }
}

/** The messages of the range on some subjects, one request after the other: nobody knows where the next one begins. */
async function* pagesOfSubject(
  nc: NatsConnection,
  { stream, subject, from_seq, to_seq, after }: PagesRange,
): AsyncGenerator<readonly Recorded[]> {
  for (let last = after; ; ) {
    const seq = last?.seq ?? from_seq
    const query = {
      seq,
      batch: Math.min(SUBJECT_BATCH_MESSAGES_MAX, to_seq - seq + 1),
      max_bytes: BATCH_BYTES_MAX,
      next_by_subj: subject,
    }
    const { messages, pending } = unwrap(await readDirect(nc, stream, query)())
    const found = following(messages, last)
    if (found === undefined) throw new SetBack(`sequence ${seq} holds no message any more`)
    const page = upTo(found, to_seq)
    last = page.at(-1) ?? last
    if (page.length > 0) yield page
    if (page.length < found.length || found.length === 0 || pending === 0) return
  }
}

/**
 * Gives the messages of a range in pages, in stream order and without a gap, as far as the replicas have them.
 *
 * @throws `Failed` with the `StreamError` of a request; `SetBack` when a message that was given is not stored any more
 */
export const directPages = (nc: NatsConnection, range: PagesRange): AsyncGenerator<readonly Recorded[]> =>
  range.subject === undefined ? pagesOfAll(nc, range) : pagesOfSubject(nc, range)
