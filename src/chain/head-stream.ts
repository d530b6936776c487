/**
 * Reads and writes the stream of signed heads, which has one subject.
 *
 * Every answer may come from a replica that is behind. That harms nothing: a head is written on condition that the newest
 * message is still the one that was read, and the server's leader checks this.
 */

import type { NatsConnection } from 'nats'
import { attempt, E, Failed, pipe, run, type TaskEither, TE, unwrap } from '../fp.js'
import { againWhileBehind, BEHIND } from '../stream/behind.js'
import { readDirect } from '../stream/direct.js'
import { type StreamError, toStreamError } from '../stream/errors.js'
import { publish } from '../stream/publish.js'
import { HEAD_STREAM, HEAD_SUBJECT } from '../stream/settings.js'
import { decodeHead, encodeHead, type Head } from './head.js'

/** A message of the stream of heads, decoded; left says why it is no genuine head. */
export type HeadMessage = { readonly place: number; readonly read: E.Either<string, Head> }

const PUBLISH_TIMEOUT_MS = 5_000
/** A head with all of its leaves has 56 KB, so an answer has at most 6 MB. */
const PAGE_HEADS = 100

const pageAt = (nc: NatsConnection, place: number, batch: number): TaskEither<StreamError, HeadMessage[]> =>
  pipe(
    readDirect(nc, HEAD_STREAM, { seq: place, batch }),
    TE.map(({ messages }) => messages.map(({ seq, body }) => ({ place: seq, read: decodeHead(body) }))),
  )

/** The message at `place` or the next one; undefined when there is none. */
export const headAt = (nc: NatsConnection, place: number): TaskEither<StreamError, HeadMessage | undefined> =>
  pipe(
    pageAt(nc, place, 1),
    TE.map(([message]) => message),
  )

/** The newest message; undefined when the stream has none. */
export const newestMessage = (nc: NatsConnection): TaskEither<StreamError, HeadMessage | undefined> =>
  pipe(
    readDirect(nc, HEAD_STREAM, { multi_last: [HEAD_SUBJECT] }),
    TE.map(({ messages: [message] }) =>
      message === undefined ? undefined : { place: message.seq, read: decodeHead(message.body) },
    ),
  )

/** Where the next head is to be written: behind message `place` (0: there is none), after `head`. */
export type HeadsEnd = { readonly place: number; readonly head: Head | undefined }

/** How many messages that are no heads of ours may stand behind the newest head; more are a person's business. */
const FOREIGN_MAX = 1_000

/** Walks back from `newest` to the newest head that `accepts`; undefined when there is none. Throws `Failed`. */
const newestOf = async (
  nc: NatsConnection,
  newest: HeadMessage | undefined,
  accepts: (head: Head) => boolean,
): Promise<Head | undefined> => {
  let message = newest
  for (let passed = 0; message !== undefined && passed < FOREIGN_MAX; passed += 1) {
    const { place, read } = message
    if (E.isRight(read) && accepts(read.right)) return read.right
    message = place === 1 ? undefined : await run(headAt(nc, place - 1))
  }
  return undefined
}

/** The newest genuine head of any key, and the last message. */
export const readAnyEnd = (nc: NatsConnection): TaskEither<StreamError, HeadsEnd> =>
  pipe(
    newestMessage(nc),
    TE.chain(newest =>
      attempt(
        async () => ({ place: newest?.place ?? 0, head: await newestOf(nc, newest, () => true) }),
        thrown => toStreamError(`read ${HEAD_STREAM}`, thrown),
      ),
    ),
  )

/**
 * The newest head that `key` has signed, and the last message. Messages that are no such heads are passed over. When all
 * genuine heads are of another key, or another key has begun a later line, only a person can say which key is right.
 */
export const readEnd = (nc: NatsConnection, key: string): TaskEither<StreamError, HeadsEnd> =>
  pipe(
    newestMessage(nc),
    TE.chain(newest =>
      attempt(
        async (): Promise<HeadsEnd> => {
          const place = newest?.place ?? 0
          const any = await newestOf(nc, newest, () => true)
          if (any?.head.key === key) return { place, head: any }
          const own = await newestOf(nc, newest, ({ head }) => head.key === key)
          if (any !== undefined && (own === undefined || any.head.line > own.head.line))
            throw new Failed<StreamError>(otherKey(any.head.key, key))
          if (own === undefined && place >= FOREIGN_MAX) throw new Failed<StreamError>(tooManyForeign)
          return { place, head: own }
        },
        thrown => toStreamError(`read ${HEAD_STREAM}`, thrown),
      ),
    ),
  )

const otherKey = (is: string, key: string): StreamError => ({
  tag: 'Unexpected',
  message: `the newest line of heads in ${HEAD_STREAM} is signed with ${is}, and not with ${key}: with "jetledger heads begin" another key signs the whole ledger anew`,
})

const tooManyForeign: StreamError = {
  tag: 'Unexpected',
  message: `the last ${FOREIGN_MAX} messages of ${HEAD_STREAM} are no signed heads`,
}

/** Writes a head behind message `place`. `Conflict` when another message has come meanwhile. */
export const writeHead = (nc: NatsConnection, place: number, head: Head): TaskEither<StreamError, number> =>
  pipe(
    publish(
      nc,
      { subject: HEAD_SUBJECT, body: encodeHead(head), expected_last_subject_seq: place },
      PUBLISH_TIMEOUT_MS,
    ),
    TE.map(({ seq }) => seq),
  )

/** Gives every message up to `last_place`, the oldest first. Throws `Failed` when the stream cannot be read. */
export async function* readHeads(nc: NatsConnection, last_place: number): AsyncGenerator<HeadMessage> {
  let next = 1
  while (next <= last_place) {
    const from = next
    const page = unwrap(
      await againWhileBehind(`has head ${from} of ${HEAD_STREAM}`, async () =>
        pipe(
          await pageAt(nc, from, PAGE_HEADS)(),
          E.map(messages => (messages.length === 0 ? BEHIND : messages)),
        ),
      ),
    )
    yield* page
    next = (page.at(-1)?.place ?? next) + 1
  }
}
