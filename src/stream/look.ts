/**
 * One look at the ledger as a whole: whether the stream that is there is the one that was noted.
 *
 * Notes are in the bucket (the record), in the tables (what they were folded from), and in the process that looked
 * before. One note that the stream contradicts is enough to stop: which of them is right only a person can say.
 */

import type { JetStreamManager, StreamInfo } from '@nats-io/jetstream'
import type { NatsConnection } from 'nats'
import { pipe, type TaskEither, TE } from '../fp.js'
import { lookAtBatches } from './batches.js'
import { type StreamError, tryStream } from './errors.js'
import { describeFinding, examineWith, isOneStream, type Origin, type StreamFinding } from './identity.js'
import { type RecordEntry, readRecord } from './ledger-record.js'
import { DEAD_LETTER_STREAM, LEDGER_STREAM } from './settings.js'

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
      /** The answer of a leader that reaches a majority of its replicas; else it may be an old one's. */
      readonly is_certain: boolean
      readonly entry: RecordEntry
    }

const NO_RECORD: RecordEntry = { revision: 0 }
/** A replica that was not heard for so long does not count for a majority. */
const HEARD_WITHIN_NS = 5_000_000_000

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

/** Whether the leader that answered reaches most of the replicas: one that is cut off answers for some seconds more. */
export const hasMajority = ({ config, cluster }: Pick<StreamInfo, 'config' | 'cluster'>): boolean => {
  if (config.num_replicas === 1) return true
  const heard = (cluster?.replicas ?? []).filter(
    ({ offline, active }) => offline !== true && active < HEARD_WITHIN_NS,
  )
  return 2 * (heard.length + 1) > config.num_replicas
}

/**
 * Whether nothing but the time says that a stream is not the noted one, and that says nothing: a single server (2.14.0) gives
 * a stream another time when it is started, then told to change a setting, and started again; and a restore on a single
 * server keeps the time.
 */
const isOnlyTime = ({ tag }: StreamFinding, { config }: StreamInfo): boolean =>
  tag === 'restored' && config.num_replicas === 1

type Contradiction = { readonly finding: StreamFinding; readonly where: string }

const firstContradiction = (
  jsm: JetStreamManager,
  info: StreamInfo,
  witnesses: readonly Witness[],
): TaskEither<StreamError, Contradiction | undefined> =>
  witnesses.reduce<TaskEither<StreamError, Contradiction | undefined>>(
    (before, { where, origin }) =>
      pipe(
        before,
        TE.chain(found =>
          found !== undefined
            ? TE.right(found)
            : pipe(
                examineWith(jsm, origin, info),
                TE.map(finding =>
                  finding.tag === 'same' || isOnlyTime(finding, info) ? undefined : { finding, where },
                ),
              ),
        ),
      ),
    TE.right(undefined),
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
          const is_certain = hasMajority(info)
          return TE.right<StreamError, Look>({
            tag: 'stopped',
            finding: found.finding,
            reason: reasonOf(found),
            is_certain,
            entry,
          })
        }),
      )
    }),
  )
}
