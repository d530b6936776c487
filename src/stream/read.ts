/**
 * Reading a stream: single messages from its leader, and ranges in order.
 */

import {
  DeliverPolicy,
  JetStreamError,
  type JetStreamManager,
  jetstream,
  jetstreamManager,
  ReplayPolicy,
} from '@nats-io/jetstream'
import type { MsgHdrs, NatsConnection } from 'nats'
import { E, pipe, type TaskEither, TE } from '../fp.js'
import { type StreamError, tryStream } from './errors.js'
import { API_TIMEOUT_MS } from './provision.js'

/** One stored message. */
export type Recorded = {
  readonly seq: number
  readonly subject: string
  readonly body: Uint8Array
  readonly headers?: MsgHdrs | undefined
  readonly at: Date
}

/**
 * The first message at or after `seq` whose subject matches, as the stream's leader has it; undefined when the
 * leader has none. (Direct gets may be answered by a follower that is behind, so they cannot prove an absence.)
 */
export const nextRecorded = (
  jsm: JetStreamManager,
  stream: string,
  subject: string,
  seq: number,
): TaskEither<StreamError, Recorded | undefined> => {
  const query = { seq, next_by_subj: subject }
  return pipe(
    tryStream(`read ${stream} from ${seq}`, () => jsm.streams.getMessage(stream, query)),
    TE.map(found =>
      found === null
        ? undefined
        : { seq: found.seq, subject: found.subject, body: found.data, headers: found.header, at: found.time },
    ),
  )
}

const NO_MESSAGES = 404

const isNoMessages = (cause: unknown): boolean =>
  cause instanceof JetStreamError && 'code' in cause && cause.code === NO_MESSAGES

const AHEAD_MESSAGES_MAX = 1_000

/**
 * Messages of `stream` from sequence `from` on and before `to`, up to 1,000 in one request, in order. Any replica may
 * answer, and one that is behind has fewer, or none: what is missing proves nothing.
 */
export const readAhead = (
  jsm: JetStreamManager,
  stream: string,
  from: number,
  to: number,
): TaskEither<StreamError, Recorded[]> =>
  tryStream(`read ${stream} from ${from}`, async () => {
    const found: Recorded[] = []
    try {
      const batch = Math.min(to - from, AHEAD_MESSAGES_MAX)
      for await (const { seq, subject, data, header, time } of await jsm.direct.getBatch(stream, {
        seq: from,
        batch,
      }))
        if (seq < to) found.push({ seq, subject, body: data, headers: header, at: time })
    } catch (cause) {
      if (!isNoMessages(cause)) throw cause
    }
    return found
  })

export type Range = {
  readonly stream: string
  readonly subject: string
  readonly from_seq: number
  /** The range ends here at the latest: what is stored later is not read. */
  readonly to_seq: number
  /** Where it begins, instead of `from_seq`: at the first message that is not older. */
  readonly from_time?: Date
}

const READ_AHEAD_MESSAGES = 2_000
/** Half of it is the heartbeat: a reader whose server dies notices within seconds and starts anew (default: 30 s). */
const PULL_EXPIRES_MS = 4_000

const startOf = ({ from_seq, from_time }: Range) =>
  from_time === undefined
    ? { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: from_seq }
    : { deliver_policy: DeliverPolicy.StartTime, opt_start_time: from_time.toISOString() }

/** What an ordered consumer has of a range (it starts itself anew after a loss), in stream order. */
async function* consumeRange(nc: NatsConnection, range: Range): AsyncGenerator<Recorded> {
  const consumer = await jetstream(nc, { timeout: API_TIMEOUT_MS }).consumers.get(range.stream, {
    filter_subjects: range.subject,
    ...startOf(range),
    replay_policy: ReplayPolicy.Instant,
  })
  const { num_pending } = await consumer.info()
  if (num_pending === 0) return
  const messages = await consumer.consume({
    max_messages: READ_AHEAD_MESSAGES,
    expires: PULL_EXPIRES_MS,
  })
  try {
    for await (const { seq, subject, data, headers, time, info } of messages) {
      if (seq > range.to_seq) return
      yield { seq, subject, body: data, headers, at: time }
      if (seq === range.to_seq || info.pending === 0) return
    }
  } finally {
    await messages.close()
  }
}

/**
 * Every message of a range, in stream order and without a gap. A consumer may live on a follower that is behind, so
 * that nothing is left is believed to the stream's leader only. (Of a range by time that seems empty it is not asked.)
 * Throws what the client throws when the stream cannot be read.
 */
export async function* readRange(nc: NatsConnection, range: Range): AsyncGenerator<Recorded> {
  const jsm = await jetstreamManager(nc, { checkAPI: false, timeout: API_TIMEOUT_MS })
  let rest: Range | undefined = range
  while (rest !== undefined && rest.from_seq <= rest.to_seq) {
    let last_seq: number | undefined = rest.from_time === undefined ? rest.from_seq - 1 : undefined
    for await (const record of consumeRange(nc, rest)) {
      yield record
      last_seq = record.seq
    }
    if (last_seq === undefined || last_seq >= range.to_seq) return
    const missed = await nextRecorded(jsm, range.stream, range.subject, last_seq + 1)()
    if (E.isLeft(missed)) throw new Error(missed.left.message, { cause: missed.left.cause })
    if (missed.right === undefined || missed.right.seq > range.to_seq) return
    yield missed.right
    rest = {
      stream: range.stream,
      subject: range.subject,
      from_seq: missed.right.seq + 1,
      to_seq: range.to_seq,
    }
  }
}

/** Subjects of one direct `multi_last` request; nats-server allows 1,024. */
const MULTI_LAST_MAX = 1_000

/**
 * The last sequence of each of up to 1,000 subjects; a subject without messages is left out. Any replica may answer,
 * so it may be old: good for an expectation that the leader checks, not for a proof.
 */
export const lastSequences = (
  nc: NatsConnection,
  stream: string,
  subjects: readonly string[],
): TaskEither<StreamError, Map<string, number>> =>
  tryStream(`last messages of ${stream}`, async () => {
    const jsm = await jetstreamManager(nc, { checkAPI: false, timeout: API_TIMEOUT_MS })
    const last = new Map<string, number>()
    try {
      const query = { multi_last: subjects.slice(0, MULTI_LAST_MAX) }
      for await (const { subject, seq } of await jsm.direct.getLastMessagesFor(stream, query))
        last.set(subject, seq)
    } catch (cause) {
      if (!isNoMessages(cause)) throw cause
    }
    return last
  })
