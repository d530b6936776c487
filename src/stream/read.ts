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
import { E, Failed, pipe, type TaskEither, TE, unwrap } from '../fp.js'
import { instantOf } from '../instant.js'
import { type AskLimits, askAgain } from './ask-again.js'
import { againWhileBehind, BEHIND } from './behind.js'
import { firstSeqFrom } from './by-time.js'
import { readDirect } from './direct.js'
import { directPages } from './direct-pages.js'
import { type StreamError, toStreamError, tryStream } from './errors.js'
import { lastProved } from './last.js'
import { leadershipOf } from './leadership.js'
import { API_TIMEOUT_MS } from './provision.js'
import { PullLost, pullPages } from './pull.js'
import { isSameMessage, type Recorded, SetBack } from './recorded.js'
import { LEDGER_STREAM, LEDGER_SUBJECTS } from './settings.js'

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
    readDirect(nc, stream, { seq, next_by_subj: subject }),
    TE.map(({ messages: [first] }) => first),
  )

export type Range = {
  readonly stream: string
  readonly subject: string
  readonly from_seq: number
  /** The last sequence of the range: messages after it are not read. */
  readonly to_seq: number
  /** Of the ledger: if it is given, the range begins at the first event that is not older, and not at `from_seq`. */
  readonly from_time?: Date
  /** A message that was read before the range: the reading fails if it is not stored any more. */
  readonly after?: Recorded | undefined
  /** The reader may make a consumer, which is quicker. */
  readonly may_consume?: true
}

/** The number of tries in a row that may fail without a new message. */
const TRIES_MAX = 10
const BACK_OFF: BackOff = { first_ms: 50, max_ms: 2_000 }
const never = new AbortController().signal

const isWorthRetrying = (thrown: unknown): boolean =>
  thrown instanceof PullLost || toStreamError('read', thrown).tag === 'TryAgain'

/** The error of a reading of which a part is not stored any more; another reading, from the beginning, may succeed. */
const setBack = (cause: SetBack): Failed<StreamError> =>
  new Failed({
    tag: 'TryAgain',
    message: `the stream was set back while it was read: ${cause.message}`,
    cause,
  })

/** Throws when a reading that failed with `thrown` cannot be tried again. */
const checkRetry = (thrown: unknown, attempt: number): void => {
  if (thrown instanceof SetBack) throw setBack(thrown)
  if (!isWorthRetrying(thrown) || attempt === TRIES_MAX) throw thrown
}

/** The position of a reader: the next sequence, and the last message that it was given. */
type Position = { from_seq: number; after: Recorded | undefined }

const advance = (position: Position, last: Recorded): void => {
  position.from_seq = last.seq + 1
  position.after = last
}

/** The first message of a range that the replicas did not give; undefined when nothing is left. */
const restOf = async (
  reader: Reader,
  { stream, subject }: Range,
  { from_seq }: Position,
): Promise<Recorded | undefined> => {
  // for other streams no proof is needed, since nothing is concluded from their end
  if (stream !== LEDGER_STREAM) return unwrap(await nextRecorded(reader.jsm, stream, subject, from_seq)())
  // mostly nothing is left; for a single subject, `isAbsent` shows this without a read from the leader
  const is_done = !isWildcard(subject) && unwrap(await isAbsent(reader.nc, subject, from_seq)())
  return is_done ? undefined : unwrap(await nextProved(reader, subject, from_seq)())
}

/** The filter that the server has to apply: the ledger holds no other subjects than its own. */
const filterOf = ({ stream, subject }: Range): string | undefined =>
  stream === LEDGER_STREAM && subject === LEDGER_SUBJECTS ? undefined : subject

const pageUpTo = (page: readonly Recorded[], to_seq: number): readonly Recorded[] =>
  (page.at(-1)?.seq ?? 0) <= to_seq ? page : page.filter(({ seq }) => seq <= to_seq)

/** Throws `SetBack` when a replica has another message in the place of one that was read before. */
const checkStored = async (nc: NatsConnection, stream: string, before: Recorded): Promise<void> => {
  const found = unwrap(await nextKnown(nc, stream, before.subject, before.seq)())
  if (found !== undefined && !isSameMessage(found, before))
    throw new SetBack(`sequence ${before.seq} holds another message than before`)
}

/** Throws `SetBack` when the leader, which has a further message, has not the last one that was read. */
const checkLeader = async (
  { jsm }: Reader,
  { stream, subject }: Range,
  { after }: Position,
): Promise<void> => {
  if (after === undefined) return
  const found = unwrap(await nextRecorded(jsm, stream, subject, after.seq)())
  if (found !== undefined && !isSameMessage(found, after))
    throw new SetBack(`sequence ${after.seq} holds another message than before`)
}

/** The pages of a consumer, which was made after what was read before: a set-back stream loses its consumers. */
async function* pulledPages(
  { nc, jsm }: Reader,
  { stream, subject, to_seq }: Range,
  { from_seq, after }: Position,
): AsyncGenerator<readonly Recorded[]> {
  if (after !== undefined) await checkStored(nc, stream, after)
  for await (const page of pullPages(nc, jsm, { stream, subject, from_seq })) {
    yield pageUpTo(page, to_seq)
    if ((page.at(-1)?.seq ?? 0) >= to_seq) return
  }
}

const pagesOf = (reader: Reader, range: Range, position: Position): AsyncGenerator<readonly Recorded[]> =>
  range.may_consume === true
    ? pulledPages(reader, range, position)
    : directPages(reader.nc, { ...range, subject: filterOf(range), ...position })

/** Gives the pages that the servers have, then the next message if one is left. Returns whether the range is complete. */
async function* readOnce(
  reader: Reader,
  range: Range,
  position: Position,
): AsyncGenerator<readonly Recorded[], boolean> {
  const { to_seq } = range
  for await (const page of pagesOf(reader, range, position)) {
    const last = page.at(-1)
    if (last === undefined) continue
    advance(position, last)
    yield page
    if (position.from_seq > to_seq) return true
  }
  const missed = await restOf(reader, range, position)
  if (missed === undefined || missed.seq > to_seq) return true
  await checkLeader(reader, range, position)
  advance(position, missed)
  yield [missed]
  return false
}

/** The position at which a range begins. */
const startOf = async (reader: Reader, range: Range): Promise<Position> => {
  const { subject, from_seq, to_seq, from_time, after } = range
  if (from_time === undefined) return { from_seq, after }
  const first_seq = unwrap(await firstSeqFrom(reader, subject, instantOf(from_time), to_seq)())
  return { from_seq: first_seq, after: undefined }
}

/**
 * Gives every message of a range, in stream order and without a gap, in pages as they arrive. A replica may be behind or
 * cut off, so the end of a range of the ledger is proved. When a server dies, it tries again for some seconds.
 *
 * @throws the client's error or `Failed` when the stream cannot be read; `Failed` with `TryAgain` when the stream was set back
 *   meanwhile: then messages that were given are not stored any more
 */
export async function* readPages(nc: NatsConnection, range: Range): AsyncGenerator<readonly Recorded[]> {
  const jsm = await jetstreamManager(nc, { checkAPI: false, timeout: API_TIMEOUT_MS })
  const reader = { nc, jsm }
  let position: Position | undefined
  let attempt = 0
  while (position === undefined || position.from_seq <= range.to_seq) {
    const before = position?.from_seq
    try {
      position ??= await startOf(reader, range)
      if (yield* readOnce(reader, range, position)) return
    } catch (thrown) {
      attempt = position?.from_seq === before ? attempt + 1 : 1
      checkRetry(thrown, attempt)
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
