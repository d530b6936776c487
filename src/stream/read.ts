/**
 * Reads single messages of a stream, and ranges in order.
 *
 * A message that a server has is stored. A message that it lacks may be stored too, because the server may be a
 * replaced leader. So when a read says that the ledger holds nothing more, this rests on a proof (leadership.ts).
 */

import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from 'nats'
import { type BackOff, pause } from '../back-off.js'
import '../headers.js'
import { E, pipe, type TaskEither, TE, unwrap } from '../fp.js'
import { instantOf } from '../instant.js'
import { type AskLimits, askAgain } from './ask-again.js'
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

/** A leader answers within milliseconds, so a request that is late may have gone to a server that died. */
const PATIENCE: AskLimits = { ask_ms: 500, asks_max: 4 }

/**
 * The first message at or after `seq` whose subject matches, from a server that takes itself for the stream's leader.
 * Undefined when that server has none, which proves nothing; `nextProved` gives a proof.
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

/** The connection and its JetStream manager. */
export type Reader = { readonly nc: NatsConnection; readonly jsm: JetStreamManager }

const isWildcard = (subject: string): boolean => /[*>]/.test(subject)

/** Proves whether the ledger held no message of `subject` at or after `seq` at the call. */
const isAbsent = (nc: NatsConnection, subject: string, seq: number): TaskEither<StreamError, boolean> =>
  isWildcard(subject)
    ? pipe(
        leadershipOf(nc).prove(),
        // a stream from which events were removed by hand may end with a hole: then the leader's word has to do
        TE.map(({ first_seq, last_seq, messages }) => last_seq < seq || messages <= last_seq - first_seq),
      )
    : pipe(
        lastProved(nc, [subject]),
        TE.map(({ last }) => (last.get(subject)?.seq ?? 0) < seq),
      )

/**
 * The first message of the ledger at or after `seq` whose subject matches (one subject, or all of them). Undefined
 * when it is proved that there was none at the call; `TryAgain` while neither is known.
 */
export const nextProved =
  ({ nc, jsm }: Reader, subject: string, seq: number): TaskEither<StreamError, Recorded | undefined> =>
  () =>
    againWhileBehind(`has what follows ${seq} on ${subject}`, async () => {
      const found = await nextRecorded(jsm, LEDGER_STREAM, subject, seq)()
      if (E.isLeft(found) || found.right !== undefined) return found
      const absence = await isAbsent(nc, subject, seq)()
      if (E.isLeft(absence)) return absence
      return E.right(absence.right ? undefined : BEHIND)
    })

const AHEAD_MESSAGES_MAX = 1_000

/**
 * The messages of `stream` from sequence `from` to before `to`, in order, up to 1,000 in one request. Any replica may
 * answer. A replica that is behind gives fewer, or none, so a missing message proves nothing.
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
 * The first message at or after `seq` whose subject matches, from any replica: it is the first one on every replica.
 * Undefined when that replica has none, which proves nothing.
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
  /** The last sequence of the range: messages after it are not read. */
  readonly to_seq: number
  /** If it is given, the range begins at the first message that is not older, and not at `from_seq`. */
  readonly from_time?: Date
}

/** The number of tries in a row that may fail without a new message. */
const TRIES_MAX = 10
const BACK_OFF: BackOff = { first_ms: 50, max_ms: 2_000 }
const never = new AbortController().signal

const isWorthRetrying = (thrown: unknown): boolean =>
  thrown instanceof PullLost || toStreamError('read', thrown).tag === 'TryAgain'

const pageUpTo = (page: readonly Recorded[], to_seq: number): readonly Recorded[] =>
  (page.at(-1)?.seq ?? 0) <= to_seq ? page : page.filter(({ seq }) => seq <= to_seq)

/** The position of a reader: a sequence, or a time before the first message is read. */
type Position = { from_seq: number; from_time?: Date | undefined }

const advance = (position: Position, { seq }: Recorded): void => {
  position.from_seq = seq + 1
  position.from_time = undefined
}

/** The first message of a range that its consumer did not give; undefined when nothing is left. */
const restOf = async (
  reader: Reader,
  { stream, subject, to_seq }: Range,
  { from_seq, from_time }: Position,
): Promise<Recorded | undefined> => {
  // for other streams no proof is needed, since nothing is concluded from their end
  if (stream !== LEDGER_STREAM) return unwrap(await nextRecorded(reader.jsm, stream, subject, from_seq)())
  if (from_time === undefined) {
    // mostly nothing is left; for a single subject, `isAbsent` shows this without a read from the leader
    const is_done = !isWildcard(subject) && unwrap(await isAbsent(reader.nc, subject, from_seq)())
    return is_done ? undefined : unwrap(await nextProved(reader, subject, from_seq)())
  }
  const first_seq = unwrap(await firstSeqFrom(reader, subject, instantOf(from_time), to_seq)())
  return first_seq > to_seq ? undefined : unwrap(await nextProved(reader, subject, first_seq)())
}

/** Gives one consumer's pages, then the next message if one is left. Returns whether the range is complete. */
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
    const page = pageUpTo(pulled, to_seq)
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
 * Gives every message of a range, in stream order and without a gap, in pages as they arrive. A consumer may be on a
 * server that is behind or cut off, so the end of a range of the ledger is proved. When a server dies, it tries again
 * for some seconds. Throws the client's error when the stream cannot be read.
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
      if (!isWorthRetrying(thrown) || attempt === TRIES_MAX) throw thrown
      await pause(BACK_OFF, attempt, never)
    }
  }
}

/** Gives the messages of `readPages` one by one. */
export async function* readRange(nc: NatsConnection, range: Range): AsyncGenerator<Recorded> {
  for await (const page of readPages(nc, range)) yield* page
}

/** The most subjects of one direct `multi_last` request; nats-server allows 1,024. */
const MULTI_LAST_MAX = 1_000

/**
 * The last message of each of up to 1,000 subjects; a subject without messages is left out, and so are further
 * subjects. Any replica may answer, so the messages may be old: they serve for an expectation that the leader checks,
 * but prove no end.
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

/** The last sequence of each of up to 1,000 subjects, from `lastRecorded`. */
export const lastSequences = (
  nc: NatsConnection,
  stream: string,
  subjects: readonly string[],
): TaskEither<StreamError, Map<string, number>> =>
  pipe(
    lastRecorded(nc, stream, subjects),
    TE.map(last => new Map([...last].map(([subject, { seq }]) => [subject, seq]))),
  )
