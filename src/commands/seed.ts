/**
 * Seeds a new ledger once, whoever starts and whatever crashes.
 *
 * The 1,000 events are one atomic batch, so they are in the stream together or not at all, and one of them tells for
 * all. Each carries its subject's last sequence from before the look, so of two instances that seed at once one fails,
 * looks again and finds the events. The KV note `seed` = `done` only saves the look (docs/adr/0005).
 */

import type { JetStreamManager } from '@nats-io/jetstream'
import type { KV } from '@nats-io/kv'
import type { NatsConnection } from 'nats'
import { pipe, type TaskEither, TE } from '../fp.js'
import { eventSubject } from '../ledger/account-id.js'
import { decodeBody, encodeEvent } from '../ledger/event.js'
import { getText, putText, readKey, SEED_KEY } from '../stream/config-bucket.js'
import { type StreamError, tryStream } from '../stream/errors.js'
import { leadershipOf } from '../stream/leadership.js'
import { type BatchMessage, publishBatch } from '../stream/publish.js'
import { lastSequences, nextProved, type Reader } from '../stream/read.js'
import { CONFIG_STREAM, LEDGER_STREAM } from '../stream/settings.js'
import { tryAgain } from '../stream/try-again.js'
import { type Seeded, seedEvents } from './seed-events.js'

export type SeedDeps = {
  readonly nc: NatsConnection
  readonly jsm: JetStreamManager
  readonly kv: KV
  /** A ledger that seals texts gets opening credits without any: there is nothing to hide in them. */
  readonly texts?: 'clear' | 'sealed'
}

/** `events`: how many this call wrote; 0 when the ledger was seeded before or by somebody else meanwhile. */
export type SeedResult = { readonly events: number }

const DONE = 'done'
const OPENING = 'opening balance'
const BATCH_TIMEOUT_MS = 10_000
/** How many events of the first seeded customer are looked through for its opening credit. */
const LOOK_EVENTS_MAX = 10_000

const messageOf = ({ id, event }: Seeded, last: ReadonlyMap<string, number>): BatchMessage => {
  const subject = eventSubject(id)
  return {
    subject,
    body: encodeEvent(event, id),
    msg_id: event.transaction_id,
    expected_last_subject_seq: last.get(subject) ?? 0,
  }
}

const isIt = ({ event }: Seeded, body: Uint8Array): boolean => {
  const decoded = decodeBody(body)
  return decoded.tag === 'event' && decoded.event.transaction_id === event.transaction_id
}

/** Whether the stream has the seeded event. */
const isStored = (reader: Reader, seeded: Seeded): TaskEither<StreamError, boolean> => {
  const subject = eventSubject(seeded.id)
  const lookFrom = (seq: number, looked: number): TaskEither<StreamError, boolean> =>
    pipe(
      nextProved(reader, subject, seq),
      TE.chain(found => {
        if (found === undefined) return TE.right(false)
        if (isIt(seeded, found.body)) return TE.right(true)
        if (looked >= LOOK_EVENTS_MAX) return TE.left(tooMany(subject))
        return lookFrom(found.seq + 1, looked + 1)
      }),
    )
  return lookFrom(1, 1)
}

const tooMany = (subject: string): StreamError => ({
  tag: 'Unexpected',
  message: `the first ${LOOK_EVENTS_MAX} events on ${subject} hold no opening credit: this ledger was not seeded and is in use (--no-seed)`,
})

const writeOnce = ({ nc, jsm, texts }: SeedDeps): TaskEither<StreamError, SeedResult> => {
  const events = seedEvents(texts === 'sealed' ? undefined : OPENING)
  const [first] = events
  if (first === undefined) return TE.right({ events: 0 })
  return pipe(
    TE.Do,
    // before the look: an event that is stored after it makes the batch fail instead of the look miss it
    TE.bind('last', () =>
      lastSequences(
        nc,
        LEDGER_STREAM,
        events.map(({ id }) => eventSubject(id)),
      ),
    ),
    TE.bind('stored', () => isStored({ nc, jsm }, first)),
    TE.chain(({ last, stored }) =>
      stored
        ? TE.right({ events: 0 })
        : pipe(
            publishBatch(
              nc,
              events.map(event => messageOf(event, last)),
              BATCH_TIMEOUT_MS,
            ),
            TE.map(() => ({ events: events.length })),
          ),
    ),
  )
}

const NOT_READY: ReadonlySet<StreamError['tag']> = new Set(['TryAgain'])
/** Errors after which another look settles what happened. */
const LOOK_AGAIN: ReadonlySet<StreamError['tag']> = new Set(['Conflict', 'Duplicate', 'TryAgain'])

/**
 * Whether a ledger without a note may have been seeded, or used, before its note was lost: the note was deleted, or its
 * bucket is younger than the first event, so that it cannot tell.
 */
const isNoteLost = ({ nc, jsm }: SeedDeps): TaskEither<StreamError, boolean> =>
  pipe(
    TE.Do,
    TE.bind('note', () => readKey(jsm, SEED_KEY)),
    TE.bind('bucket', () => streamState(jsm, CONFIG_STREAM)),
    TE.bind('end', () => leadershipOf(nc).prove()),
    TE.bind('ledger', () => streamState(jsm, LEDGER_STREAM)),
    TE.map(({ note, bucket, end, ledger }) => {
      if (end.messages === 0) return end.last_seq > 0
      return note !== undefined || Date.parse(bucket.created) > Date.parse(ledger.state.first_ts)
    }),
  )

const streamState = (jsm: JetStreamManager, name: string) =>
  tryStream(`stream ${name}`, () => jsm.streams.info(name))

const noteDone = (deps: SeedDeps, signal: AbortSignal): TaskEither<StreamError, void> =>
  tryAgain(putText(deps.kv, SEED_KEY, DONE), NOT_READY, signal)

/**
 * Brings the 1,000 opening credits into the stream unless they are there, and notes that it is done. A ledger whose note
 * was lost is in use: it is not seeded again, and the note is written anew.
 */
export const seed = (deps: SeedDeps, signal: AbortSignal): TaskEither<StreamError, SeedResult> =>
  pipe(
    tryAgain(getText(deps.kv, SEED_KEY), NOT_READY, signal),
    TE.chain(state =>
      state === DONE
        ? TE.right({ events: 0 })
        : pipe(
            tryAgain(isNoteLost(deps), NOT_READY, signal),
            TE.chain(isLost =>
              isLost ? TE.right({ events: 0 }) : tryAgain(writeOnce(deps), LOOK_AGAIN, signal),
            ),
            TE.chainFirst(() => noteDone(deps, signal)),
          ),
    ),
  )
