/**
 * `GET /v1/events` with `Accept: text/event-stream`: the events of the ledger as server-sent events.
 *
 * The id of each is its sequence, so a client that comes back with `Last-Event-ID` misses none and gets none twice. The gateway
 * asks the service page by page and holds one page for each client; a client that does not read for half a minute is ended, and
 * comes back where it was.
 */

import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { type BackOff, pause } from '../back-off.js'
import { E, type Either } from '../fp.js'
import { isJsonObject } from '../json.js'
import { sendProblem } from './answer.js'
import { type Problem, problem } from './problem.js'
import type { Fields } from './route.js'

export const STREAM_TYPE = 'text/event-stream'

/** The most streams of one gateway, and of one caller of it. */
const STREAMS_MAX = 200
const STREAMS_OF_CALLER_MAX = 20
const PAGE_EVENTS = 100
/** How long a client may leave a page unread. */
const SLOW_MS_MAX = 30_000
const SIGN_OF_LIFE_MS = 15_000
/** How long the service may be away before the client is told to come back later. */
const AWAY_MS_MAX = 30_000
const NAP: BackOff = { first_ms: 100, max_ms: 1_000 }
const COME_BACK_MS = 2_000

/** A page of the service: every event up to `through_seq` that was asked for is in this page or in one before. */
type Page = { readonly events: readonly Fields[]; readonly through_seq: number }

export type EventSource = {
  /** Asks for the events after a sequence; undefined: where the stream ends now. */
  readonly page: (after_seq: number | undefined, limit: number) => Promise<Either<Problem, Page>>
  /** Whether the caller may still read, and the gateway is not stopping. */
  readonly mayGoOn: () => Promise<boolean>
}

const LAST_ID = /^\d{1,15}$/

/** Whether a request wants a stream rather than a page. */
export const wantsStream = ({ headers }: FastifyRequest): boolean =>
  (headers.accept ?? '').split(',').some(type => type.split(';')[0]?.trim() === STREAM_TYPE)

/** The sequence that a client has seen last: its header counts more than the parameter with which it began. Left is a problem. */
export const lastSeen = (
  { headers }: FastifyRequest,
  after_seq: unknown,
): Either<Problem, number | undefined> => {
  const header = headers['last-event-id']
  if (header === undefined || header === '')
    return E.right(after_seq === undefined ? undefined : Number(after_seq))
  return typeof header === 'string' && LAST_ID.test(header)
    ? E.right(Number(header))
    : E.left(problem('INVALID_REQUEST', 'Last-Event-ID: must be a sequence of the stream'))
}

/** The page in a reply of `customer.events`, which fits its schema. */
export const pageOf = ({ events, through_seq }: Fields): Page => ({
  events: Array.isArray(events) ? events.filter(isJsonObject) : [],
  through_seq: Number(through_seq),
})

const messageOf = (event: Fields): string => `id: ${event.seq}\ndata: ${JSON.stringify(event)}\n\n`
/** An id without data moves the client's place on and shows it nothing. */
const signOfLife = (seq: number): string => `: alive\nid: ${seq}\n\n`

/** Whether a client is to be told to come back later; a service that is away for a moment is waited for. */
const createEnd = (source: EventSource) => {
  let away_since_ms: number | undefined
  return async (asked: Either<Problem, Page>): Promise<boolean> => {
    const now_ms = performance.now()
    away_since_ms = E.isRight(asked) ? undefined : (away_since_ms ?? now_ms)
    if (E.isRight(asked) || away_since_ms === undefined) return false
    if (asked.left.code === 'NOT_REACHED' || now_ms - away_since_ms > AWAY_MS_MAX) return true
    return !(await source.mayGoOn())
  }
}

/** Pages without end, empty ones while nothing is new. It ends when the client has to come back later. */
async function* pagesOf(source: EventSource, first: Page, signal: AbortSignal): AsyncGenerator<Page> {
  const isEnd = createEnd(source)
  let page = first
  let naps = 0
  while (!signal.aborted) {
    yield page
    naps = page.events.length > 0 ? 0 : naps + 1
    if (naps > 0) await pause(NAP, naps, signal)
    const next = await source.page(page.through_seq, PAGE_EVENTS)
    if (await isEnd(next)) return
    page = E.isRight(next) ? next.right : { events: [], through_seq: page.through_seq }
  }
}

/** The sequence before the first event of a page. */
const beginningOf = ({ events: [first], through_seq }: Page): number =>
  first === undefined ? through_seq : Number(first.seq) - 1

async function* textOf(source: EventSource, first: Page, signal: AbortSignal): AsyncGenerator<string> {
  let said_ms = performance.now()
  let checked_ms = said_ms
  yield `retry: ${COME_BACK_MS}\n${signOfLife(beginningOf(first))}`
  for await (const { events, through_seq } of pagesOf(source, first, signal)) {
    const now_ms = performance.now()
    if (now_ms - checked_ms > SIGN_OF_LIFE_MS) {
      if (!(await source.mayGoOn())) return
      checked_ms = now_ms
    }
    if (events.length === 0 && now_ms - said_ms < SIGN_OF_LIFE_MS) continue
    yield events.length === 0 ? signOfLife(through_seq) : events.map(messageOf).join('')
    said_ms = now_ms
  }
}

/** Ends a stream whose client leaves a page unread for too long. */
async function* readInTime(texts: AsyncGenerator<string>, end: () => void): AsyncGenerator<string> {
  for await (const text of texts) {
    const late = setTimeout(end, SLOW_MS_MAX)
    try {
      yield text
    } finally {
      clearTimeout(late)
    }
  }
}

export type EventStreams = {
  /** Answers with a stream, or with the problem of the first page. */
  readonly serve: (
    request: FastifyRequest,
    reply: FastifyReply,
    source: EventSource,
    after_seq: number | undefined,
  ) => Promise<FastifyReply>
}

export const createEventStreams = (): EventStreams => {
  const byCaller = new Map<string, number>()
  let open = 0

  const change = (caller: string, by: number): void => {
    open += by
    const left = (byCaller.get(caller) ?? 0) + by
    if (left > 0) byCaller.set(caller, left)
    else byCaller.delete(caller)
  }

  return {
    serve: async (request, reply, source, after_seq) => {
      const caller = request.caller?.by ?? request.ip
      if (open >= STREAMS_MAX || (byCaller.get(caller) ?? 0) >= STREAMS_OF_CALLER_MAX)
        return sendProblem(request, reply, problem('BUSY', 'too many streams of events are open here'))
      change(caller, 1)
      const first = await source.page(after_seq, PAGE_EVENTS)
      if (E.isLeft(first) || request.raw.destroyed) {
        change(caller, -1)
        return sendProblem(request, reply, E.isLeft(first) ? first.left : problem('REQUEST_TIMEOUT'))
      }
      const ending = new AbortController()
      const texts = textOf(source, first.right, ending.signal)
      const stream = Readable.from(
        readInTime(texts, () => stream.destroy()),
        { objectMode: true, highWaterMark: 1 },
      )
      stream.once('close', () => {
        ending.abort()
        change(caller, -1)
      })
      request.is_stream = true
      return reply
        .code(200)
        .headers({ 'cache-control': 'no-store', 'x-accel-buffering': 'no' })
        .header('content-type', `${STREAM_TYPE}; charset=utf-8`)
        .send(stream)
    },
  }
}
