/**
 * The record of the ledger, in the bucket under `ledger`: which stream it is, and which streams stand beside it.
 *
 * It is what a process compares the stream with before it believes in it (docs/adr/0025). It is renewed every few
 * seconds with the newest event, and changes by compare-and-set only.
 */

import type { JetStreamManager } from '@nats-io/jetstream'
import type { KV } from '@nats-io/kv'
import { E, pipe, type TaskEither, TE, t } from '../fp.js'
import { readJson } from '../json.js'
import { fieldsOf } from '../ledger/codec.js'
import { LEDGER_KEY, readKey } from '../stream/config-bucket.js'
import { type StreamError, tryStream } from '../stream/errors.js'
import { type Origin, OriginJson } from '../stream/identity.js'

export type LedgerRecord = {
  /** 1, and one more each time that a person accepted another stream. */
  readonly epoch: number
  readonly stream: Origin
  /** When the stream of the dead letters was made. */
  readonly letters_created: string
  /** Up to here a person has accepted the stream as it is, with parts of batches if there are any. */
  readonly accepted_seq?: number | undefined
}

const RecordJson = fieldsOf(
  { epoch: t.number, stream: OriginJson, letters_created: t.string },
  { accepted_seq: t.number },
)

/** The record as it was read; without one, `problem` says why where there was one. */
export type RecordEntry = {
  readonly record?: LedgerRecord
  readonly revision: number
  readonly problem?: string
}

/** The record in the text of its key; left says what is wrong with it. */
export const decodeRecord = (text: string): E.Either<string, LedgerRecord> =>
  pipe(
    readJson(text),
    E.chainW(RecordJson.decode),
    E.mapLeft(() => 'is not readable'),
  )

/** The record as the bucket's leader has it. */
export const readRecord = (jsm: JetStreamManager): TaskEither<StreamError, RecordEntry> =>
  pipe(
    readKey(jsm, LEDGER_KEY),
    TE.map((found): RecordEntry => {
      if (found === undefined) return { revision: 0 }
      const { revision, text } = found
      return pipe(
        text === undefined ? E.left('was deleted') : decodeRecord(text),
        E.matchW(
          problem => ({ revision, problem: `config/${LEDGER_KEY} ${problem}` }),
          record => ({ revision, record }),
        ),
      )
    }),
  )

/** Writes the record over the one that was read; `Conflict` when somebody else did meanwhile. Gives its revision. */
export const writeRecord = (
  kv: KV,
  record: LedgerRecord,
  revision: number,
): TaskEither<StreamError, number> =>
  tryStream(`config/${LEDGER_KEY}`, () =>
    revision === 0
      ? kv.create(LEDGER_KEY, JSON.stringify(record))
      : kv.update(LEDGER_KEY, JSON.stringify(record), revision),
  )
