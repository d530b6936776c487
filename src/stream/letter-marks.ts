/**
 * Marks on dead letters: what a person did about one, who, when and why. A letter itself is never changed.
 *
 * The marks of a letter are the messages on a subject of its own, each written on condition that it follows the one
 * that was read, so of two people who decide at once one learns of the other.
 */

import type { JetStreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from 'nats'
import { E, pipe, type TaskEither, TE, t } from '../fp.js'
import { type StreamError, tryStream } from './errors.js'
import { publish } from './publish.js'
import type { Recorded } from './recorded.js'
import { DEAD_LETTER_PREFIX, DEAD_LETTER_STREAM } from './settings.js'

const Decision = t.intersection([t.type({ by: t.string, at: t.string }), t.partial({ reason: t.string })])

/** What is going to be published in a letter's place: recorded before, so that whoever goes on publishes the same. */
const Replacement = t.type({
  transaction_id: t.string,
  subject: t.string,
  body: t.string,
  headers: t.record(t.string, t.string),
  /** The ledger's last sequence before: the replacement is not older. */
  ledger_seq: t.number,
})
export type Replacement = t.TypeOf<typeof Replacement>

const Mark = t.union([
  t.intersection([t.type({ state: t.literal('retrying') }), Replacement, Decision]),
  t.intersection([
    t.type({ state: t.literal('retried'), transaction_id: t.string, seq: t.number }),
    Decision,
  ]),
  t.intersection([t.type({ state: t.literal('discarded') }), Decision]),
])
export type Mark = t.TypeOf<typeof Mark>

/** A mark as it was read; `mark_seq` 0 and no mark: nobody did anything yet. */
export type Marked = { readonly mark_seq: number; readonly mark?: Mark | undefined }

const PUBLISH_TIMEOUT_MS = 5_000

/** The subject of the marks of the letter on `letter_subject`: one token longer, so that no letter can be there. */
const markSubject = (letter_subject: string): string => `${letter_subject}.mark`

/** Matches the marks of one customer's letters, or of all with `*`. */
export const marksFilter = (client_id: string): string => `${DEAD_LETTER_PREFIX}${client_id}.*.mark`

/** The letter that a mark is on. */
export const letterOfMark = (mark_subject: string): string => mark_subject.replace(/\.mark$/, '')

/** Decodes a mark; one that nobody can read must not pass for none. */
export const decodeMark = ({ seq, body }: Pick<Recorded, 'seq' | 'body'>): E.Either<StreamError, Marked> =>
  pipe(
    E.tryCatch(() => JSON.parse(new TextDecoder().decode(body)) as unknown, String),
    E.chainW(Mark.decode),
    E.bimap(
      () => ({
        tag: 'Unexpected',
        message: `the mark at sequence ${seq} of the dead letters is not readable`,
      }),
      mark => ({ mark_seq: seq, mark }),
    ),
  )

/** The newest mark of a letter, as the stream's leader has it. */
export const readMark = (jsm: JetStreamManager, letter_subject: string): TaskEither<StreamError, Marked> => {
  const query = { last_by_subj: markSubject(letter_subject) }
  return pipe(
    tryStream(`marks of ${letter_subject}`, () => jsm.streams.getMessage(DEAD_LETTER_STREAM, query)),
    TE.orElseW(error => (error.tag === 'NotFound' ? TE.right(null) : TE.left(error))),
    TE.chainEitherK(found =>
      found === null ? E.right({ mark_seq: 0 }) : decodeMark({ seq: found.seq, body: found.data }),
    ),
  )
}

/** Writes a mark after the one that was read; `Conflict` when another one came first. Gives its sequence. */
export const writeMark = (
  nc: NatsConnection,
  letter_subject: string,
  mark: Mark,
  { mark_seq }: Marked,
): TaskEither<StreamError, number> =>
  pipe(
    publish(
      nc,
      {
        subject: markSubject(letter_subject),
        body: JSON.stringify(mark),
        expected_last_subject_seq: mark_seq,
      },
      PUBLISH_TIMEOUT_MS,
    ),
    TE.map(({ seq }) => seq),
  )
