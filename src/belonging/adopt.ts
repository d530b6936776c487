/**
 * Writes the ledger's record and the projections' pointers for a stream that has no record: a new ledger, a ledger that
 * is older than the records, or a ledger whose bucket was lost.
 *
 * The pointers are written first and the record last, because while there is no record a missing pointer does not mean
 * the first generation (`generations/pointer.ts`).
 */

import type { JetStreamManager } from '@nats-io/jetstream'
import type { KV } from '@nats-io/kv'
import { pipe, type TaskEither, TE } from '../fp.js'
import { readPointer, setPointer } from '../generations/pointer.js'
import { NEW_LEDGER_SCHEMA, SCHEMA_KEY } from '../stream/config-bucket.js'
import { type StreamError, tryStream } from '../stream/errors.js'
import { originOf } from '../stream/identity.js'
import { DEAD_LETTER_STREAM, LEDGER_STREAM } from '../stream/settings.js'
import { type LedgerRecord, lettersNow, readRecord, writeRecord } from './ledger-record.js'

export type AdoptDeps = { readonly jsm: JetStreamManager; readonly kv: KV }

const notePointer = (deps: AdoptDeps, projection: string): TaskEither<StreamError, unknown> =>
  pipe(
    readPointer(deps.jsm, projection),
    TE.chain(({ generation, revision }) =>
      generation === 1 || revision > 0
        ? TE.right(revision)
        : pipe(
            setPointer(deps, projection, { generation }, revision),
            // another process writes the pointer at the same time
            TE.orElse(error => (error.tag === 'Conflict' ? TE.right(revision) : TE.left(error))),
          ),
    ),
  )

/** A record, with this epoch, of the streams as they are now; it is not written. `NotFound` when one is missing. */
export const recordNow = (jsm: JetStreamManager, epoch: number): TaskEither<StreamError, LedgerRecord> =>
  pipe(
    TE.Do,
    // a replaced leader may give an older end: the note is true all the same, since the event that it names exists
    TE.bind('info', () => tryStream(`stream ${LEDGER_STREAM}`, () => jsm.streams.info(LEDGER_STREAM))),
    TE.bind('stream', ({ info }) => originOf(jsm, info)),
    TE.bind('letters', () =>
      tryStream(`stream ${DEAD_LETTER_STREAM}`, () => jsm.streams.info(DEAD_LETTER_STREAM)),
    ),
    TE.map(({ stream, letters }) => ({ epoch, stream, ...lettersNow(letters) })),
  )

/** Notes that writers of a ledger without any event may use the newest schema: no older program reads it. */
const noteSchema = ({ jsm, kv }: AdoptDeps): TaskEither<StreamError, unknown> =>
  pipe(
    tryStream(`stream ${LEDGER_STREAM}`, () => jsm.streams.info(LEDGER_STREAM)),
    TE.chain(({ state }) =>
      state.last_seq > 0
        ? TE.right(0)
        : tryStream(`config/${SCHEMA_KEY}`, () => kv.create(SCHEMA_KEY, NEW_LEDGER_SCHEMA)),
    ),
    // another process writes it at the same time
    TE.orElseW(error => (error.tag === 'Conflict' ? TE.right(0) : TE.left(error))),
  )

/**
 * Writes the pointers and the record where they are missing. `before` is the lost record, if it is known: its epoch is
 * kept. A record that another process writes at the same time is accepted.
 */
export const adoptLedger = (
  deps: AdoptDeps,
  projections: readonly string[],
  before: LedgerRecord | undefined,
): TaskEither<StreamError, void> =>
  pipe(
    TE.sequenceSeqArray(projections.map(projection => notePointer(deps, projection))),
    TE.chain(() => readRecord(deps.jsm)),
    TE.bindTo('entry'),
    TE.bind('record', () => recordNow(deps.jsm, before?.epoch ?? 1)),
    TE.chainFirst(({ entry }) => (entry.revision === 0 ? noteSchema(deps) : TE.right(undefined))),
    TE.chain(({ entry, record }) =>
      entry.record === undefined ? writeRecord(deps.kv, record, entry.revision) : TE.right(entry.revision),
    ),
    TE.orElseW(error => (error.tag === 'Conflict' ? TE.right(0) : TE.left(error))),
    TE.map(() => undefined),
  )
