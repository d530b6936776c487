/**
 * Notes a stream that no record speaks of: of a new ledger, of one from before there were records, or of one whose
 * bucket was lost. The pointers come first and the record last: while there is no record, a missing pointer does not
 * mean the first generation (`generation.ts`).
 */

import type { JetStreamManager } from '@nats-io/jetstream'
import type { KV } from '@nats-io/kv'
import { pipe, type TaskEither, TE } from '../fp.js'
import { readPointer, setPointer } from '../generations/pointer.js'
import { type StreamError, tryStream } from '../stream/errors.js'
import { originOf } from '../stream/identity.js'
import { DEAD_LETTER_STREAM, LEDGER_STREAM } from '../stream/settings.js'
import { type LedgerRecord, readRecord, writeRecord } from './ledger-record.js'

export type AdoptDeps = { readonly jsm: JetStreamManager; readonly kv: KV }

const notePointer = ({ jsm, kv }: AdoptDeps, projection: string): TaskEither<StreamError, unknown> =>
  pipe(
    readPointer(jsm, projection),
    TE.chain(({ generation, revision }) =>
      generation === 1 || revision > 0
        ? TE.right(revision)
        : pipe(
            setPointer(kv, projection, { generation }, revision),
            // another process notes it at the same time
            TE.orElse(error => (error.tag === 'Conflict' ? TE.right(revision) : TE.left(error))),
          ),
    ),
  )

/** The record of the stream that is there now. */
export const recordNow = (jsm: JetStreamManager, epoch: number): TaskEither<StreamError, LedgerRecord> =>
  pipe(
    TE.Do,
    // an end that is too early is a note all the same: what it names is there
    TE.bind('info', () => tryStream(`stream ${LEDGER_STREAM}`, () => jsm.streams.info(LEDGER_STREAM))),
    TE.bind('stream', ({ info }) => originOf(jsm, info)),
    TE.bind('letters', () =>
      tryStream(`stream ${DEAD_LETTER_STREAM}`, () => jsm.streams.info(DEAD_LETTER_STREAM)),
    ),
    TE.map(({ stream, letters }) => ({ epoch, stream, letters_created: letters.created })),
  )

/** Writes pointers and record where they are missing; `before` is the record that was lost, where somebody knows it. */
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
    TE.chain(({ entry, record }) =>
      entry.record === undefined ? writeRecord(deps.kv, record, entry.revision) : TE.right(entry.revision),
    ),
    TE.orElseW(error => (error.tag === 'Conflict' ? TE.right(0) : TE.left(error))),
    TE.map(() => undefined),
  )
