/**
 * One look at the ledger as a whole: whether the stream that is there is the one that was noted.
 *
 * Notes are in the bucket (the record), in the tables (what they were folded from), and in the process that looked
 * before. One note that the stream contradicts is enough to stop: which of them is right only a person can say.
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
  type StreamFinding,
} from '../stream/identity.js'
import { leadershipOf } from '../stream/leadership.js'
import { DEAD_LETTER_STREAM, LEDGER_STREAM } from '../stream/settings.js'
import { type RecordEntry, readRecord } from './ledger-record.js'

/** Somebody who noted what the stream was, and what. */
export type Witness = { readonly where: string; readonly origin: Origin }

export type Look =
  /** Nothing is there, and nothing tells of an earlier ledger: a new installation. */
  | { readonly tag: 'fresh' }
  /** A stream that no note contradicts, and no record of it. */
  | { readonly tag: 'unrecorded'; readonly info: StreamInfo; readonly entry: RecordEntry }
  | { readonly tag: 'good'; readonly info: StreamInfo; readonly entry: RecordEntry }
  | {
      readonly tag: 'stopped'
      readonly finding: StreamFinding
      /** A sentence: what is so, and who noted otherwise. */
      readonly reason: string
      /** It was looked at under a proof of who leads; else it may be the word of a leader that was replaced. */
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
    // the bucket is not there
    TE.orElseW(error => (error.tag === 'NotFound' ? TE.right(NO_RECORD) : TE.left(error))),
  )

/**
 * Whether nothing but the time says that a stream is not the noted one, and that says nothing: a single server (2.14.0) gives
 * a stream another time when it is started, then told to change a setting, and started again; and a restore on a single
 * server keeps the time.
 */
const isOnlyTime = ({ tag }: StreamFinding, { config }: StreamInfo): boolean =>
  tag === 'restored' && config.num_replicas === 1

type Contradiction = { readonly finding: StreamFinding; readonly where: string }

const contradictionOf = (
  jsm: JetStreamManager,
  info: StreamInfo,
  { where, origin }: Witness,
): TaskEither<StreamError, Contradiction | undefined> =>
  pipe(
    examineWith(jsm, origin, info),
    TE.map(finding => (finding.tag === 'same' || isOnlyTime(finding, info) ? undefined : { finding, where })),
  )

type Contradicted = Contradiction & { readonly witness: Witness }

const firstContradiction = (
  jsm: JetStreamManager,
  info: StreamInfo,
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
                contradictionOf(jsm, info, witness),
                TE.map(next => (next === undefined ? undefined : { ...next, witness })),
              ),
        ),
      ),
    TE.right(undefined),
  )

/** A leader that was replaced knows nothing of the newest events: whoever contradicts a note has to prove that it leads. */
const BEHIND: StreamError = {
  tag: 'TryAgain',
  message: 'the stream was answered for by a server that is behind',
}

/**
 * The same contradiction under a proof of who leads. That two events differ is certain only where nobody else can hold
 * itself for the leader, since the proof does not say who gave the event. `TryAgain` where the proof contradicts nothing.
 */
const proved = (
  { nc, jsm }: Pick<LookDeps, 'nc' | 'jsm'>,
  info: StreamInfo,
  { witness }: Contradicted,
): TaskEither<StreamError, Contradiction & { readonly is_certain: boolean }> =>
  pipe(
    TE.Do,
    TE.apS('proof', leadershipOf(nc).prove()),
    TE.bind('found', ({ proof: { created, first_seq, last_seq, messages } }) =>
      contradictionOf(
        jsm,
        { ...info, created, state: { ...info.state, first_seq, last_seq, messages } },
        witness,
      ),
    ),
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
 * What tables say counts for the stream that they were folded from: a table of another ledger is no word against this
 * one while the bucket knows the stream, and is folded anew by its projection.
 */
const credible = (entry: RecordEntry, tables: readonly Witness[]): readonly Witness[] =>
  entry.record === undefined
    ? tables
    : tables.filter(({ origin }) => entry.record !== undefined && isOneStream(origin, entry.record.stream))

const absent = (
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

/** DynamoDB may be away while the bucket knows the stream: commands and answers from the stream do not need it. */
const notedInTables = (
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
  /** What the looks before saw. */
  readonly seen?: Origin | undefined
  /** What the tables note; asked when a process starts, and when the bucket knows nothing. */
  readonly tables: TaskEither<StreamError, readonly Witness[]>
  /** The batches were looked at, and no server has died since. */
  readonly has_batches_checked?: boolean
}

/**
 * Looks whether the newest batches are whole: those after the newest event that was noted, for a server that dies leaves
 * a part of the last one that it stored, and others may have written behind it since.
 */
const batchesOf = (
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

/** Looks once. Fails with what JetStream or DynamoDB failed with: then nothing is known. */
export const lookAtLedger = (deps: LookDeps): TaskEither<StreamError, Look> => {
  const { jsm, seen, tables } = deps
  return pipe(
    TE.Do,
    // the notes before the stream: what was noted was there already when the stream is asked for it
    TE.bind('entry', () => recordOf(jsm)),
    TE.bind('noted', ({ entry }) => notedInTables(entry, seen, tables)),
    TE.bind('info', () => infoOf(jsm, LEDGER_STREAM)),
    TE.chain(({ info, entry, noted }) => {
      const own: readonly Witness[] = [
        ...(entry.record === undefined ? [] : [{ where: 'the bucket', origin: entry.record.stream }]),
        ...(seen === undefined ? [] : [{ where: 'this process', origin: seen }]),
      ]
      const witnesses = [...own, ...credible(entry, noted)]
      if (info === undefined) return absent(jsm, entry, witnesses)
      return pipe(
        firstContradiction(jsm, info, witnesses),
        TE.chain(found => {
          if (found === undefined) return batchesOf(deps, info, entry)
          return pipe(
            proved(deps, info, found),
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
