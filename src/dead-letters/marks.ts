/**
 * Marks on dead letters: what a person did about one, who, when and why. A letter itself is never changed.
 *
 * The marks of a letter are the messages on a subject of its own, each written on condition that it follows the one
 * that was read, so of two people who decide at once one learns of the other. A message there that is no mark is passed
 * over; one that only a newer program can have written stops whoever wants to decide.
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

/** What is going to be published in a letter's place: recorded before, so that whoever goes on publishes the same. */
const REPLACEMENT = {
  transaction_id: t.string,
  subject: t.string,
  body: t.string,
  headers: recordOf(t.string),
  /** The ledger's last sequence before: the replacement is not older. */
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

/** A mark of a state that this program does not know: a newer one decided. */
const NewerMark = fieldsOf({ state: t.string, ...DECISION }, OPTIONAL)

/** What a message on a mark's subject is. */
export type ReadMark = { readonly tag: 'mark'; readonly mark: Mark } | { readonly tag: 'newer' | 'junk' }

/** The newest mark as it was read; `mark_seq` is the last message of its subject, mark or not (0: none). */
export type Marked = {
  readonly mark_seq: number
  readonly mark?: Mark | undefined
  /** A newer program's mark, which nobody here can read. */
  readonly is_newer?: boolean
}

const PUBLISH_TIMEOUT_MS = 5_000

/** The subject of the marks of the letter on `letter_subject`: one token longer, so that no letter can be there. */
const markSubject = (letter_subject: string): string => `${letter_subject}.mark`

/** Matches the marks of letters whose subjects match `letters`. */
export const marksFilter = (letters: string): string => markSubject(letters)

const MARK = /\.mark$/

export const isMarkSubject = (subject: string): boolean => MARK.test(subject)

/** The letter that a mark is on. */
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

/** Looks through everything on a letter's mark subject for the newest mark. */
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

/** The newest mark of a letter, as the stream's leader has it. */
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
