/**
 * Notes the identity of the ledger stream, and compares the stream that exists with earlier notes.
 *
 * A sequence is meaningless in another stream: a table folded from a stream that was deleted, or restored from a
 * backup, holds balances that this stream never gave. So every table, and the bucket, notes the stream's origin: when
 * it was made, its first event, and the newest event that was seen (docs/adr/0025). A process that starts compares
 * these notes with the stream as its leader has it.
 */

import { createHash } from 'node:crypto'
import type { JetStreamManager, StreamInfo } from '@nats-io/jetstream'
import { E, type Either, pipe, type TaskEither, TE, t } from '../fp.js'
import { fieldsOf } from '../ledger/codec.js'
import { describePart, type PartOfBatch } from './batches.js'
import { type StreamError, tryStream } from './errors.js'
import { isSameMaking, type Making, makingOf } from './making.js'
import { isSameStoredTime, type Recorded } from './recorded.js'
import { LEDGER_STREAM } from './settings.js'

const Point = fieldsOf({ seq: t.number, checksum: t.string, at_ms: t.number })

/** The facts by which one event is recognised again. */
export type Point = t.TypeOf<typeof Point>

/** A note of a stream's identity; it has no points when the stream had no events. */
export type Origin = Making & {
  /** The number of sequences that held no event when this was noted; 0 for a ledger that is intact. */
  readonly missing: number
  readonly first?: Point | undefined
  readonly newest?: Point | undefined
}

const Noted = fieldsOf(
  { created: t.string, missing: t.number },
  { raft_group: t.string, first: Point, newest: Point },
)

/** The stream as it is now, at the points of a note. An undefined point: there is no event. */
export type Observed = Making & {
  readonly last_seq: number
  readonly missing: number
  readonly first: Point | undefined
  readonly newest: Point | undefined
}

/** The result of comparing a stream with a note. */
export type StreamFinding =
  | { readonly tag: 'same' }
  /** The stream was made anew and holds every noted event: it was restored, and nothing shows that events are lost. */
  | { readonly tag: 'restored'; readonly created: string; readonly noted: string }
  | { readonly tag: 'another'; readonly created: string; readonly noted: string }
  | { readonly tag: 'shorter'; readonly last_seq: number; readonly noted_seq: number }
  | { readonly tag: 'changed'; readonly seq: number }
  | { readonly tag: 'hole'; readonly missing: number; readonly last_seq: number }
  | { readonly tag: 'absent' }
  /** A batch is stored in part: the server lost the rest when it died. */
  | { readonly tag: 'part of a batch'; readonly part: PartOfBatch }

/** The point of an event. Headers are left out of the checksum, because some headers cannot be read. */
export const pointOf = ({ seq, subject, body, at }: Omit<Recorded, 'headers'>): Point => ({
  seq,
  checksum: createHash('sha256').update(subject).update('\n').update(body).digest('base64url'),
  at_ms: at.getTime(),
})

/** Whether two points are one event. */
const isSamePoint = (a: Point, b: Point | undefined): boolean =>
  b !== undefined && a.seq === b.seq && a.checksum === b.checksum && isSameStoredTime(a.at_ms, b.at_ms)

/** Whether two notes are about one stream: it was made once only, or, if not, has the same first event. */
export const isOneStream = (a: Origin, b: Origin): boolean =>
  isSameMaking(a, b) || (a.first !== undefined && isSamePoint(a.first, b.first))

const hasNewest = ({ newest }: Origin, observed: Observed): boolean =>
  newest !== undefined && isSamePoint(newest, observed.newest)

/** Compares a stream with a note; `observed` was read at the points of `noted`. */
export const compareOrigin = (noted: Origin, observed: Observed): StreamFinding => {
  const { created, last_seq, missing } = observed
  const is_made_anew = !isSameMaking(noted, observed)
  const has_first = noted.first !== undefined && isSamePoint(noted.first, observed.first)
  // a note without a first event was made of an empty stream, so only a newest event can identify it
  const is_known = noted.first === undefined ? hasNewest(noted, observed) : has_first
  if (is_made_anew && !is_known) return { tag: 'another', created, noted: noted.created }
  if (noted.newest !== undefined && last_seq < noted.newest.seq)
    return { tag: 'shorter', last_seq, noted_seq: noted.newest.seq }
  if (noted.first !== undefined && !has_first) return { tag: 'changed', seq: noted.first.seq }
  if (noted.newest !== undefined && !hasNewest(noted, observed))
    return { tag: 'changed', seq: noted.newest.seq }
  if (missing > noted.missing) return { tag: 'hole', missing: missing - noted.missing, last_seq }
  return is_made_anew ? { tag: 'restored', created, noted: noted.created } : { tag: 'same' }
}

/** A finding as a sentence for a person. */
export const describeFinding = (finding: StreamFinding): string => {
  switch (finding.tag) {
    case 'same':
      return `stream ${LEDGER_STREAM} is the one that was noted`
    case 'restored':
      return `stream ${LEDGER_STREAM} was made anew at ${finding.created} (noted: ${finding.noted}) and holds the events that were noted: it was restored`
    case 'another':
      return `stream ${LEDGER_STREAM} is another one: it was made at ${finding.created}, the noted one at ${finding.noted}`
    case 'shorter':
      return `stream ${LEDGER_STREAM} ends at sequence ${finding.last_seq}, but an event at ${finding.noted_seq} was noted: its newest events are lost`
    case 'changed':
      return `the event at sequence ${finding.seq} of stream ${LEDGER_STREAM} is not the one that was noted: the stream was restored to an earlier state, or changed`
    case 'hole':
      return `stream ${LEDGER_STREAM} lacks ${finding.missing} of its events up to sequence ${finding.last_seq}`
    case 'absent':
      return `stream ${LEDGER_STREAM} is gone, but this ledger had one`
    case 'part of a batch':
      return `of stream ${LEDGER_STREAM} ${describePart(finding.part)}`
  }
}

/** The number of sequences that hold no event; every sequence of an intact ledger holds one. */
const missingOf = ({ state }: Pick<StreamInfo, 'state'>): number =>
  Math.max(state.last_seq - state.messages, 0)

/** Reads the event at `seq` from the stream's leader; undefined when there is none. */
export const readPoint = (jsm: JetStreamManager, seq: number): TaskEither<StreamError, Point | undefined> =>
  pipe(
    tryStream(`read ${LEDGER_STREAM} at ${seq}`, () => jsm.streams.getMessage(LEDGER_STREAM, { seq })),
    TE.map(found =>
      found === null
        ? undefined
        : pointOf({ seq: found.seq, subject: found.subject, body: found.data, at: found.time }),
    ),
    TE.orElseW(error => (error.tag === 'NotFound' ? TE.right(undefined) : TE.left(error))),
  )

const pointAt = (
  jsm: JetStreamManager,
  point: Point | undefined,
): TaskEither<StreamError, Point | undefined> =>
  point === undefined ? TE.right(undefined) : readPoint(jsm, point.seq)

const infoOf = (jsm: JetStreamManager): TaskEither<StreamError, StreamInfo> =>
  tryStream(`stream ${LEDGER_STREAM}`, () => jsm.streams.info(LEDGER_STREAM))

/** What a leader told of the stream a moment ago. */
export type StreamAsTold = Making & Pick<StreamInfo, 'config' | 'state'>

export const toldBy = (info: StreamInfo): StreamAsTold => ({
  ...makingOf(info),
  config: info.config,
  state: info.state,
})

/** Compares the stream that exists with a note. */
export const examineWith = (
  jsm: JetStreamManager,
  noted: Origin,
  { state, created, raft_group }: StreamAsTold,
): TaskEither<StreamError, StreamFinding> =>
  pipe(
    TE.Do,
    TE.apS('first', pointAt(jsm, noted.first)),
    TE.apS('newest', pointAt(jsm, noted.newest)),
    TE.map(points =>
      compareOrigin(noted, {
        created,
        raft_group,
        last_seq: state.last_seq,
        missing: missingOf({ state }),
        ...points,
      }),
    ),
  )

/** Compares the stream that exists with a note; the finding is `absent` when there is no stream. */
export const examineStream = (jsm: JetStreamManager, noted: Origin): TaskEither<StreamError, StreamFinding> =>
  pipe(
    infoOf(jsm),
    TE.chain(info => examineWith(jsm, noted, toldBy(info))),
    TE.orElseW(error =>
      error.tag === 'NotFound' ? TE.right<StreamError, StreamFinding>({ tag: 'absent' }) : TE.left(error),
    ),
  )

/** Makes a note of the stream as it is now; `info` is the leader's recent answer about the stream. */
export const originOf = (jsm: JetStreamManager, info: StreamInfo): TaskEither<StreamError, Origin> => {
  const { state } = info
  const making = makingOf(info)
  if (state.messages === 0) return TE.right({ ...making, missing: missingOf(info) })
  return pipe(
    TE.Do,
    TE.apS('first', readPoint(jsm, state.first_seq)),
    TE.apS('newest', readPoint(jsm, state.last_seq)),
    TE.map(({ first, newest }) => ({
      ...making,
      missing: missingOf(info),
      ...(first === undefined ? {} : { first }),
      ...(newest === undefined ? {} : { newest }),
    })),
  )
}

/** Makes a note of the stream as it is now. `NotFound` when there is no stream. */
export const readOrigin = (jsm: JetStreamManager): TaskEither<StreamError, Origin> =>
  pipe(
    infoOf(jsm),
    TE.chain(info => originOf(jsm, info)),
  )

/** The codec of a note. */
export const OriginJson: t.Type<Origin, unknown, unknown> = Noted

/** Decodes a note from parsed JSON; left when it is no note. */
export const decodeOrigin = (u: unknown): Either<string, Origin> =>
  pipe(
    Noted.decode(u),
    E.mapLeft(() => 'it is no note of a stream'),
  )
