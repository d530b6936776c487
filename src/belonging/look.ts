/**
 * Checks the ledger as a whole: whether the stream that exists is the one that was noted.
 *
 * There are notes in the bucket (the record), in the tables (the stream from which each was folded) and in this process
 * (its earlier checks). One note that the stream contradicts is enough to stop the ledger, since only a person can say
 * whether the note or the stream is right.
 */

import type { JetStreamManager, StreamInfo } from '@nats-io/jetstream'
import type { NatsConnection } from 'nats'
import { pipe, type TaskEither, TE } from '../fp.js'
import { lookAtBatches } from '../stream/batches.js'
import { type StreamError, tryStream } from '../stream/errors.js'
import {
  describeFinding,
  examineWith,
  isOneStream,
  type Origin,
  type StreamAsTold,
  type StreamFinding,
  toldBy,
} from '../stream/identity.js'
import { leadershipOf } from '../stream/leadership.js'
import { DEAD_LETTER_STREAM, LEDGER_STREAM } from '../stream/settings.js'
import { type RecordEntry, readRecord } from './ledger-record.js'

/** A note of the stream's origin, and the place where it was found. */
export type Witness = { readonly where: string; readonly origin: Origin }

export type Look =
  /** There is no stream, and no trace of an earlier ledger: a new installation. */
  | { readonly tag: 'fresh' }
  /** There is a stream that no note contradicts, but no record of it. */
  | { readonly tag: 'unrecorded'; readonly info: StreamInfo; readonly entry: RecordEntry }
  | { readonly tag: 'good'; readonly info: StreamInfo; readonly entry: RecordEntry }
  | {
      readonly tag: 'stopped'
      readonly finding: StreamFinding
      /** A sentence for a person: the finding, and the place of the note that it contradicts. */
      readonly reason: string
      /** True when the finding is final: no replaced leader gave it, and the rest of a batch cannot come any more. */
      readonly is_certain: boolean
      readonly entry: RecordEntry
    }

const NO_RECORD: RecordEntry = { revision: 0 }

const infoOf = (jsm: JetStreamManager, stream: string): TaskEither<StreamError, StreamInfo | undefined> =>
  pipe(
    tryStream(`stream ${stream}`, () => jsm.streams.info(stream)),
    TE.orElseW(error => (error.tag === 'NotFound' ? TE.right(undefined) : TE.left(error))),
  )

const recordOf = (jsm: JetStreamManager): TaskEither<StreamError, RecordEntry> =>
  pipe(
    readRecord(jsm),
    // there is no bucket
    TE.orElseW(error => (error.tag === 'NotFound' ? TE.right(NO_RECORD) : TE.left(error))),
  )

/**
 * Whether a finding rests only on the time at which the stream was made, on a single server. There that time proves
 * nothing: nats-server 2.14.0 gives a stream another time when it is started, told to change a setting, and started
 * again; and a restore on a single server keeps the time.
 */
const isOnlyTime = ({ tag }: StreamFinding, { config }: StreamAsTold): boolean =>
  tag === 'restored' && config.num_replicas === 1

type Contradiction = { readonly finding: StreamFinding; readonly where: string }

const contradictionOf = (
  jsm: JetStreamManager,
  told: StreamAsTold,
  { where, origin }: Witness,
): TaskEither<StreamError, Contradiction | undefined> =>
  pipe(
    examineWith(jsm, origin, told),
    TE.map(finding => (finding.tag === 'same' || isOnlyTime(finding, told) ? undefined : { finding, where })),
  )

type Contradicted = Contradiction & { readonly witness: Witness }

const firstContradiction = (
  jsm: JetStreamManager,
  told: StreamAsTold,
  witnesses: readonly Witness[],
): TaskEither<StreamError, Contradicted | undefined> =>
  witnesses.reduce<TaskEither<StreamError, Contradicted | undefined>>(
    (before, witness) =>
      pipe(
        before,
        TE.chain(found =>
          found !== undefined
            ? TE.right(found)
            : pipe(
                contradictionOf(jsm, told, witness),
                TE.map(next => (next === undefined ? undefined : { ...next, witness })),
              ),
        ),
      ),
    TE.right(undefined),
  )

/**
 * A proved leader contradicts no note, so the first answer came from a replaced leader, which lacks the newest events.
 */
const BEHIND: StreamError = {
  tag: 'TryAgain',
  message: 'the stream was answered for by a server that is behind',
}

/**
 * Examines the contradicted note again, under a proof of who leads. The proof does not say which server gave an event,
 * so a changed event is certain only while no other server can take itself for the leader. `TryAgain` when the proved
 * leader does not contradict the note.
 */
const prove = (
  { nc, jsm }: Pick<LookDeps, 'nc' | 'jsm'>,
  told: StreamAsTold,
  { witness }: Contradicted,
): TaskEither<StreamError, Contradiction & { readonly is_certain: boolean }> =>
  pipe(
    TE.Do,
    TE.apS('proof', leadershipOf(nc).prove()),
    TE.bind('found', ({ proof: { created, raft_group, first_seq, last_seq, messages } }) => {
      const state = { ...told.state, first_seq, last_seq, messages }
      return contradictionOf(jsm, { ...told, created, raft_group, state }, witness)
    }),
    TE.chain(({ found, proof }) =>
      found === undefined
        ? TE.left(BEHIND)
        : TE.right({
            ...found,
            is_certain: found.finding.tag !== 'changed' || performance.now() < proof.alone_until_ms,
          }),
    ),
  )

/**
 * The notes in tables that count. While the bucket has a record, a table that was folded from another stream is no
 * evidence against this stream: its projection folds it anew.
 */
const credibleNotes = (entry: RecordEntry, tables: readonly Witness[]): readonly Witness[] =>
  entry.record === undefined
    ? tables
    : tables.filter(({ origin }) => entry.record !== undefined && isOneStream(origin, entry.record.stream))

const lookWithoutStream = (
  jsm: JetStreamManager,
  entry: RecordEntry,
  witnesses: readonly Witness[],
): TaskEither<StreamError, Look> =>
  pipe(
    infoOf(jsm, DEAD_LETTER_STREAM),
    TE.map((letters): Look => {
      const where =
        entry.record !== undefined || entry.problem !== undefined
          ? 'the bucket'
          : (witnesses[0]?.where ??
            ((letters?.state.last_seq ?? 0) > 0 ? `stream ${DEAD_LETTER_STREAM}` : undefined))
      if (where === undefined) return { tag: 'fresh' }
      const finding: StreamFinding = { tag: 'absent' }
      return { tag: 'stopped', finding, reason: reasonOf({ finding, where }), is_certain: false, entry }
    }),
  )

const reasonOf = ({ finding, where }: Contradiction): string =>
  `${describeFinding(finding)} (noted in ${where})`

/**
 * The notes to read from the tables. DynamoDB may be down while the bucket has a record: commands, and answers from the
 * stream, do not need it.
 */
const readTableNotes = (
  { record }: RecordEntry,
  seen: Origin | undefined,
  tables: LookDeps['tables'],
): LookDeps['tables'] => {
  if (record === undefined) return tables
  return seen === undefined
    ? pipe(
        tables,
        TE.orElse(() => TE.right<StreamError, readonly Witness[]>([])),
      )
    : TE.right([])
}

export type LookDeps = {
  readonly nc: NatsConnection
  readonly jsm: JetStreamManager
  /** The origin that earlier checks of this process saw. */
  readonly seen?: Origin | undefined
  /** Reads the notes in the tables. It runs when a process starts, and when the bucket has no record. */
  readonly tables: TaskEither<StreamError, readonly Witness[]>
  /** True when the batches were checked and no server has died since. */
  readonly has_batches_checked?: boolean
}

/**
 * Checks that the batches after the newest noted event are whole. A server that dies may leave only a part of the last
 * batch that it stored, and other writers may have added events after that part.
 */
const checkBatches = (
  { nc, seen, has_batches_checked }: LookDeps,
  info: StreamInfo,
  entry: RecordEntry,
): TaskEither<StreamError, Look> => {
  const good: Look = { tag: entry.record === undefined ? 'unrecorded' : 'good', info, entry }
  if (has_batches_checked) return TE.right(good)
  const { last_seq } = info.state
  const from_seq = seen?.newest?.seq ?? entry.record?.stream.newest?.seq ?? last_seq
  return pipe(
    lookAtBatches(nc, { from_seq, last_seq, after_seq: entry.record?.accepted_seq ?? 0 }),
    TE.map((found): Look => {
      if (found === undefined) return good
      const finding: StreamFinding = { tag: 'part of a batch', part: found.part }
      return {
        tag: 'stopped',
        finding,
        reason: describeFinding(finding),
        is_certain: found.is_certain,
        entry,
      }
    }),
  )
}

/** Checks the ledger once. When JetStream or DynamoDB fails, it fails with that error, and nothing is known. */
export const lookAtLedger = (deps: LookDeps): TaskEither<StreamError, Look> => {
  const { jsm, seen, tables } = deps
  return pipe(
    TE.Do,
    // the notes are read before the stream, so that every noted event was stored when the stream is asked for it
    TE.bind('entry', () => recordOf(jsm)),
    TE.bind('noted', ({ entry }) => readTableNotes(entry, seen, tables)),
    TE.bind('info', () => infoOf(jsm, LEDGER_STREAM)),
    TE.chain(({ info, entry, noted }) => {
      const own: readonly Witness[] = [
        ...(entry.record === undefined ? [] : [{ where: 'the bucket', origin: entry.record.stream }]),
        ...(seen === undefined ? [] : [{ where: 'this process', origin: seen }]),
      ]
      const witnesses = [...own, ...credibleNotes(entry, noted)]
      if (info === undefined) return lookWithoutStream(jsm, entry, witnesses)
      const told = toldBy(info)
      return pipe(
        firstContradiction(jsm, told, witnesses),
        TE.chain(found => {
          if (found === undefined) return checkBatches(deps, info, entry)
          return pipe(
            prove(deps, told, found),
            TE.map(
              ({ finding, where, is_certain }): Look => ({
                tag: 'stopped',
                finding,
                reason: reasonOf({ finding, where }),
                is_certain,
                entry,
              }),
            ),
          )
        }),
      )
    }),
  )
}
