/**
 * Marks on dead letters: each says which decision a person took about a letter, who took it, when and why. The letter
 * itself is never changed.
 *
 * A letter's marks are messages on a subject of their own. Each mark is written on condition that it follows the newest
 * message that was read, so when two people decide at once, one of them learns of the other. A message there that is no
 * mark is skipped. A mark that only a newer program can have written stops every further decision.
 */

import type { JetStreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from 'nats'
import { E, pipe, type TaskEither, TE, t } from '../fp.js'
import { readJson } from '../json.js'
import { fieldsOf, recordOf } from '../ledger/codec.js'
import { type StreamError, tryStream } from '../stream/errors.js'
import { publish } from '../stream/publish.js'
import { readRange } from '../stream/read.js'
import type { Recorded } from '../stream/recorded.js'
import { DEAD_LETTER_STREAM } from '../stream/settings.js'

const DECISION = { by: t.string, at: t.string }
const OPTIONAL = { reason: t.string }

/**
 * The event to publish in a letter's place. It is recorded first, so that a continued retry publishes the same event.
 */
const REPLACEMENT = {
  transaction_id: t.string,
  subject: t.string,
  body: t.string,
  headers: recordOf(t.string),
  /** The ledger's last sequence when the retry began: the replacement is stored after it. */
  ledger_seq: t.number,
}
const Replacement = fieldsOf(REPLACEMENT)
export type Replacement = t.TypeOf<typeof Replacement>

const Mark = t.union([
  fieldsOf({ state: t.literal('retrying'), ...REPLACEMENT, ...DECISION }, OPTIONAL),
  fieldsOf({ state: t.literal('retried'), transaction_id: t.string, seq: t.number, ...DECISION }, OPTIONAL),
  fieldsOf({ state: t.literal('discarded'), ...DECISION }, OPTIONAL),
])
export type Mark = t.TypeOf<typeof Mark>

/** A mark with a state that this program does not know: a newer program wrote it. */
const NewerMark = fieldsOf({ state: t.string, ...DECISION }, OPTIONAL)

/** The meaning of a message on a mark's subject. */
export type ReadMark = { readonly tag: 'mark'; readonly mark: Mark } | { readonly tag: 'newer' | 'junk' }

/** The newest mark as it was read. `mark_seq` is the sequence of the subject's last message, mark or not (0: none). */
export type Marked = {
  readonly mark_seq: number
  readonly mark?: Mark | undefined
  /** True when a newer program wrote the mark, so that this program cannot read it. */
  readonly is_newer?: boolean
}

const PUBLISH_TIMEOUT_MS = 5_000

/** The subject of the marks of the letter on `letter_subject`: one token longer, so that no letter can be there. */
const markSubject = (letter_subject: string): string => `${letter_subject}.mark`

/** A filter that matches the marks of the letters whose subjects match the filter `letters`. */
export const marksFilter = (letters: string): string => markSubject(letters)

const MARK = /\.mark$/

export const isMarkSubject = (subject: string): boolean => MARK.test(subject)

/** The subject of the letter that a mark is about. */
export const letterOfMark = (mark_subject: string): string => mark_subject.replace(MARK, '')

/** Decodes a message on a mark's subject. Total. */
export const decodeMark = ({ body }: Pick<Recorded, 'body'>): ReadMark =>
  pipe(
    readJson(body),
    E.match(
      (): ReadMark => ({ tag: 'junk' }),
      json => {
        const mark = Mark.decode(json)
        if (E.isRight(mark)) return { tag: 'mark', mark: mark.right }
        return { tag: NewerMark.is(json) ? 'newer' : 'junk' }
      },
    ),
  )

/** Reads all messages up to `to_seq` on a letter's mark subject for the newest mark. */
const searchMark = async (nc: NatsConnection, letter_subject: string, to_seq: number): Promise<Marked> => {
  const range = { stream: DEAD_LETTER_STREAM, subject: markSubject(letter_subject), from_seq: 1, to_seq }
  let marked: Marked = { mark_seq: 0 }
  for await (const found of readRange(nc, range)) {
    const read = decodeMark(found)
    if (read.tag === 'mark') marked = { mark_seq: found.seq, mark: read.mark }
    else if (read.tag === 'newer') marked = { mark_seq: found.seq, is_newer: true }
    else marked = { ...marked, mark_seq: found.seq }
  }
  return marked
}

/** Reads the newest mark of a letter from the stream's leader. */
export const readMark = (
  nc: NatsConnection,
  jsm: JetStreamManager,
  letter_subject: string,
): TaskEither<StreamError, Marked> => {
  const query = { last_by_subj: markSubject(letter_subject) }
  return pipe(
    tryStream(`marks of ${letter_subject}`, () => jsm.streams.getMessage(DEAD_LETTER_STREAM, query)),
    TE.orElseW(error => (error.tag === 'NotFound' ? TE.right(null) : TE.left(error))),
    TE.chain(found => {
      if (found === null) return TE.right<StreamError, Marked>({ mark_seq: 0 })
      const read = decodeMark({ body: found.data })
      return read.tag === 'mark'
        ? TE.right({ mark_seq: found.seq, mark: read.mark })
        : tryStream(`marks of ${letter_subject}`, () => searchMark(nc, letter_subject, found.seq))
    }),
  )
}

/**
 * Writes a mark after the message that was read, and gives its sequence. `Conflict` when another message came first.
 */
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
