/**
 * Reading a stream: single messages, and ranges in order.
 *
 * What a server has is true, and what it has not may be stored all the same: it may be a leader that was replaced. So where a
 * read says that nothing is left of the ledger, somebody has proved it (leadership.ts).
 */

import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from 'nats'
import { type BackOff, pause } from '../back-off.js'
import '../headers.js'
import { E, pipe, type TaskEither, TE, unwrap } from '../fp.js'
import { instantOf } from '../instant.js'
import { askAgain, type Patience } from './ask-again.js'
import { againWhileBehind, BEHIND } from './behind.js'
import { firstSeqFrom } from './by-time.js'
import { readDirect } from './direct.js'
import { type StreamError, toStreamError, tryStream } from './errors.js'
import { lastProved } from './last.js'
import { leadershipOf } from './leadership.js'
import { API_TIMEOUT_MS } from './provision.js'
import { PullLost, pullPages } from './pull.js'
import type { Recorded } from './recorded.js'
import { LEDGER_STREAM } from './settings.js'

/** A leader that is there answers within milliseconds; the question may have gone to one that died meanwhile. */
const PATIENCE: Patience = { ask_ms: 500, asks_max: 4 }

/**
 * The first message at or after `seq` whose subject matches, from whoever holds itself for the stream's leader; undefined when
 * that has none, which proves nothing: `nextProved` does.
 */
export const nextRecorded = (
  jsm: JetStreamManager,
  stream: string,
  subject: string,
  seq: number,
): TaskEither<StreamError, Recorded | undefined> => {
  const query = { seq, next_by_subj: subject }
  return pipe(
    tryStream(`read ${stream} from ${seq}`, () =>
      askAgain(PATIENCE, () => jsm.streams.getMessage(stream, query)),
    ),
    TE.map(found =>
      found === null
        ? undefined
        : { seq: found.seq, subject: found.subject, body: found.data, headers: found.header, at: found.time },
    ),
  )
}

/** What both kinds of reading work with. */
export type Reader = { readonly nc: NatsConnection; readonly jsm: JetStreamManager }

const isWildcard = (subject: string): boolean => /[*>]/.test(subject)

/** Whether the ledger held nothing of `subject` at or after `seq` when it was called. */
const isAbsent = (nc: NatsConnection, subject: string, seq: number): TaskEither<StreamError, boolean> =>
  isWildcard(subject)
    ? pipe(
        leadershipOf(nc).prove(),
        // a stream from which somebody has removed events may end with a hole: then a leader's word is all there is
        TE.map(({ first_seq, last_seq, messages }) => last_seq < seq || messages <= last_seq - first_seq),
      )
    : pipe(
        lastProved(nc, [subject]),
        TE.map(({ last }) => (last.get(subject)?.seq ?? 0) < seq),
      )

/**
 * The first message of the ledger at or after `seq` whose subject matches (one subject, or all of them); undefined when there
 * was none at the call, as somebody has proved. `TryAgain` while that cannot be told.
 */
export const nextProved =
  ({ nc, jsm }: Reader, subject: string, seq: number): TaskEither<StreamError, Recorded | undefined> =>
  () =>
    againWhileBehind(`has what follows ${seq} on ${subject}`, async () => {
      const found = await nextRecorded(jsm, LEDGER_STREAM, subject, seq)()
      if (E.isLeft(found) || found.right !== undefined) return found
      const absent = await isAbsent(nc, subject, seq)()
      if (E.isLeft(absent)) return absent
      return E.right(absent.right ? undefined : BEHIND)
    })

const AHEAD_MESSAGES_MAX = 1_000

/**
 * Messages of `stream` from sequence `from` on and before `to`, up to 1,000 in one request, in order. Any replica may
 * answer, and one that is behind has fewer, or none: what is missing proves nothing.
 */
export const readAhead = (
  nc: NatsConnection,
  stream: string,
  from: number,
  to: number,
): TaskEither<StreamError, readonly Recorded[]> =>
  pipe(
    readDirect(nc, stream, { seq: from, batch: Math.min(to - from, AHEAD_MESSAGES_MAX) }),
    TE.map(({ messages }) => messages.filter(({ seq }) => seq < to)),
  )

/**
 * The first message at or after `seq` whose subject matches, as some replica has it: it is the first one for all of them.
 * Undefined where that replica has none, which proves nothing.
 */
export const nextKnown = (
  nc: NatsConnection,
  stream: string,
  subject: string,
  seq: number,
): TaskEither<StreamError, Recorded | undefined> =>
  pipe(
    readDirect(nc, stream, { seq, batch: 1, next_by_subj: subject }),
    TE.map(({ messages: [first] }) => first),
  )

export type Range = {
  readonly stream: string
  readonly subject: string
  readonly from_seq: number
  /** The range ends here at the latest: what is stored later is not read. */
  readonly to_seq: number
  /** Where it begins, instead of `from_seq`: at the first message that is not older. */
  readonly from_time?: Date
}

/** How often in a row a reader may be lost without having got anything. */
const TRIES_MAX = 10
const BACK_OFF: BackOff = { first_ms: 50, max_ms: 2_000 }
const never = new AbortController().signal

const isLater = (thrown: unknown): boolean =>
  thrown instanceof PullLost || toStreamError('read', thrown).tag === 'TryAgain'

const within = (page: readonly Recorded[], to_seq: number): readonly Recorded[] =>
  (page.at(-1)?.seq ?? 0) <= to_seq ? page : page.filter(({ seq }) => seq <= to_seq)

/** Where a reader is: at a sequence, or, before its first message, at a time. */
type Position = { from_seq: number; from_time?: Date | undefined }

const advance = (position: Position, { seq }: Recorded): void => {
  position.from_seq = seq + 1
  position.from_time = undefined
}

/** What is left of a range behind what its consumer gave. */
const restOf = async (
  reader: Reader,
  { stream, subject, to_seq }: Range,
  { from_seq, from_time }: Position,
): Promise<Recorded | undefined> => {
  // of the streams beside the ledger nothing is concluded from an end
  if (stream !== LEDGER_STREAM) return unwrap(await nextRecorded(reader.jsm, stream, subject, from_seq)())
  if (from_time === undefined) {
    // mostly nothing is left, and of one subject that is known without the leader
    const isDone = !isWildcard(subject) && unwrap(await isAbsent(reader.nc, subject, from_seq)())
    return isDone ? undefined : unwrap(await nextProved(reader, subject, from_seq)())
  }
  const first_seq = unwrap(await firstSeqFrom(reader, subject, instantOf(from_time), to_seq)())
  return first_seq > to_seq ? undefined : unwrap(await nextProved(reader, subject, first_seq)())
}

/** One consumer's pages, then what is left; whether that was all. */
async function* readOnce(
  reader: Reader,
  range: Range,
  position: Position,
): AsyncGenerator<readonly Recorded[], boolean> {
  const { stream, subject, to_seq } = range
  const { nc, jsm } = reader
  for await (const pulled of pullPages(nc, jsm, { stream, subject, ...position })) {
    const last = pulled.at(-1)
    if (last !== undefined) advance(position, last)
    const page = within(pulled, to_seq)
    if (page.length > 0) yield page
    if (position.from_seq > to_seq) return true
  }
  const missed = await restOf(reader, range, position)
  if (missed === undefined || missed.seq > to_seq) return true
  advance(position, missed)
  yield [missed]
  return false
}

/**
 * Every message of a range, in stream order and without a gap, in pages as they come. A consumer may live on a server that is
 * behind or cut off, so that nothing is left of the ledger has to be proved. A server that dies is waited for, for some
 * seconds. Throws what the client throws when the stream cannot be read.
 */
export async function* readPages(nc: NatsConnection, range: Range): AsyncGenerator<readonly Recorded[]> {
  const jsm = await jetstreamManager(nc, { checkAPI: false, timeout: API_TIMEOUT_MS })
  const position: Position = { from_seq: range.from_seq, from_time: range.from_time }
  let attempt = 0
  while (position.from_seq <= range.to_seq) {
    const { from_seq } = position
    try {
      if (yield* readOnce({ nc, jsm }, range, position)) return
    } catch (thrown) {
      attempt = position.from_seq > from_seq ? 1 : attempt + 1
      if (!isLater(thrown) || attempt === TRIES_MAX) throw thrown
      await pause(BACK_OFF, attempt, never)
    }
  }
}

/** The messages of `readPages`, one by one. */
export async function* readRange(nc: NatsConnection, range: Range): AsyncGenerator<Recorded> {
  for await (const page of readPages(nc, range)) yield* page
}

/** Subjects of one direct `multi_last` request; nats-server allows 1,024. */
const MULTI_LAST_MAX = 1_000

/**
 * The last message of each of up to 1,000 subjects; a subject without messages is left out. Any replica may answer, so it
 * may be old: good for an expectation that the leader checks, not for a proof of how far a subject is.
 */
export const lastRecorded = (
  nc: NatsConnection,
  stream: string,
  subjects: readonly string[],
): TaskEither<StreamError, Map<string, Recorded>> =>
  pipe(
    readDirect(nc, stream, { multi_last: subjects.slice(0, MULTI_LAST_MAX) }),
    TE.map(({ messages }) => new Map(messages.map(message => [message.subject, message]))),
  )

/** The last sequence of each of up to 1,000 subjects, as `lastRecorded` has it. */
export const lastSequences = (
  nc: NatsConnection,
  stream: string,
  subjects: readonly string[],
): TaskEither<StreamError, Map<string, number>> =>
  pipe(
    lastRecorded(nc, stream, subjects),
    TE.map(last => new Map([...last].map(([subject, { seq }]) => [subject, seq]))),
  )
