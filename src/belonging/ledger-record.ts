/**
 * The record of the ledger: it says which stream is the ledger's and which stream holds its dead letters.
 *
 * It is in the bucket, under the key `ledger`. A process compares the stream with it before it trusts the stream
 * (docs/adr/0025). It is renewed every few seconds with the newest event, and changes by compare-and-set only.
 */

import type { JetStreamManager, StreamInfo } from '@nats-io/jetstream'
import type { KV } from '@nats-io/kv'
import { E, pipe, type TaskEither, TE, t } from '../fp.js'
import { readJson } from '../json.js'
import { fieldsOf } from '../ledger/codec.js'
import { LEDGER_KEY, readKey } from '../stream/config-bucket.js'
import { type StreamError, tryStream } from '../stream/errors.js'
import { type Origin, OriginJson } from '../stream/identity.js'
import { isSameMaking, makingOf } from '../stream/making.js'

export type LedgerRecord = {
  /** 1 at first; it grows by one each time that a person accepts another stream. */
  readonly epoch: number
  readonly stream: Origin
  /** The time at which the stream of the dead letters was made, and its group of servers (`Making`). */
  readonly letters_created: string
  readonly letters_raft_group?: string | undefined
  /** The last sequence up to which a person has accepted the stream as it is, even with batches that are not whole. */
  readonly accepted_seq?: number | undefined
  /** The user who accepted the stream that is noted, where that is known. */
  readonly accepted_by?: string | undefined
}

const RecordJson = fieldsOf(
  { epoch: t.number, stream: OriginJson, letters_created: t.string },
  { letters_raft_group: t.string, accepted_seq: t.number, accepted_by: t.string },
)

/** What a record notes of the stream of the dead letters. */
export const lettersNow = (
  info: StreamInfo,
): Pick<LedgerRecord, 'letters_created' | 'letters_raft_group'> => {
  const { created, raft_group } = makingOf(info)
  return { letters_created: created, letters_raft_group: raft_group }
}

/** Whether the stream of the dead letters is the one that was noted. */
export const hasNotedLetters = (
  { letters_created, letters_raft_group }: LedgerRecord,
  info: StreamInfo,
): boolean => isSameMaking({ created: letters_created, raft_group: letters_raft_group }, makingOf(info))

/**
 * The record as it was read, and the revision of its key (0 when the key was never written). `problem` says why a key
 * that was written holds no record.
 */
export type RecordEntry = {
  readonly record?: LedgerRecord
  readonly revision: number
  readonly problem?: string
}

/** Decodes the text of the record's key; left says what is wrong with the text. */
export const decodeRecord = (text: string): E.Either<string, LedgerRecord> =>
  pipe(
    readJson(text),
    E.chainW(RecordJson.decode),
    E.mapLeft(() => 'is not readable'),
  )

/** Reads the record from the bucket's leader. */
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

/**
 * Writes the record over the revision that was read, and gives the new revision. `Conflict` when another process wrote
 * meanwhile.
 */
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
