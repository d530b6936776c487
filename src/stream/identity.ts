/**
 * Which stream this is: what is noted of it elsewhere, and how the stream that is there compares with that.
 *
 * A sequence means nothing beside another stream: a table folded from a stream that was deleted, or restored from a
 * backup, holds balances that this one never gave. So every table, and the bucket, notes the stream's origin: when it
 * was made, its first event, and the newest event that was seen (docs/adr/0025). Whoever starts compares the note with
 * what the stream's leader has.
 */

import { createHash } from 'node:crypto'
import type { JetStreamManager, StreamInfo } from '@nats-io/jetstream'
import { E, type Either, pipe, type TaskEither, TE, t } from '../fp.js'
import { fieldsOf } from '../ledger/codec.js'
import { describePart, type PartOfBatch } from './batches.js'
import { type StreamError, tryStream } from './errors.js'
import type { Recorded } from './recorded.js'
import { LEDGER_STREAM } from './settings.js'

const Point = fieldsOf({ seq: t.number, checksum: t.string, at_ms: t.number })

/** One event, as it can be recognised again. */
export type Point = t.TypeOf<typeof Point>

/** What is noted of a stream; without points while it had no events. */
export type Origin = {
  /** When the stream was made, as its server says; a stream that is restored has a new time. */
  readonly created: string
  /** Sequences that held no event already when this was noted; a ledger has none. */
  readonly missing: number
  readonly first?: Point | undefined
  readonly newest?: Point | undefined
}

const Noted = fieldsOf({ created: t.string, missing: t.number }, { first: Point, newest: Point })

/** A stream as it is, at the points of a note. `undefined`: no event is there. */
export type Observed = {
  readonly created: string
  readonly last_seq: number
  readonly missing: number
  readonly first: Point | undefined
  readonly newest: Point | undefined
}

/** How a stream compares with what was noted of it. */
export type StreamFinding =
  | { readonly tag: 'same' }
  /** It was made anew and holds every noted event: restored whole, as far as can be told. */
  | { readonly tag: 'restored'; readonly created: string; readonly noted: string }
  | { readonly tag: 'another'; readonly created: string; readonly noted: string }
  | { readonly tag: 'shorter'; readonly last_seq: number; readonly noted_seq: number }
  | { readonly tag: 'changed'; readonly seq: number }
  | { readonly tag: 'hole'; readonly missing: number; readonly last_seq: number }
  | { readonly tag: 'absent' }
  /** A batch is there in part: its server lost the rest when it died. */
  | { readonly tag: 'part of a batch'; readonly part: PartOfBatch }

/** Two clients of one server may round a time in nanoseconds to neighbouring milliseconds. */
const ROUNDING_MS = 1

/** The point of an event. Its headers are left out: they may be such that they cannot be read. */
export const pointOf = ({ seq, subject, body, at }: Omit<Recorded, 'headers'>): Point => ({
  seq,
  checksum: createHash('sha256').update(subject).update('\n').update(body).digest('base64url'),
  at_ms: at.getTime(),
})

/** Whether two points are one event. */
const isSamePoint = (a: Point, b: Point | undefined): boolean =>
  b !== undefined &&
  a.seq === b.seq &&
  a.checksum === b.checksum &&
  Math.abs(a.at_ms - b.at_ms) <= ROUNDING_MS

const isSameTime = (a: string, b: string): boolean =>
  a === b || Math.abs(Date.parse(a) - Date.parse(b)) <= ROUNDING_MS

/** Whether two notes speak of one stream: by its time, or by its first event where that time has changed. */
export const isOneStream = (a: Origin, b: Origin): boolean =>
  a.created === b.created || (a.first !== undefined && isSamePoint(a.first, b.first))

const hasNewest = ({ newest }: Origin, observed: Observed): boolean =>
  newest !== undefined && isSamePoint(newest, observed.newest)

/** Compares a stream with what was noted of it; `observed` was read at the points of `noted`. */
export const compareOrigin = (noted: Origin, observed: Observed): StreamFinding => {
  const { created, last_seq, missing } = observed
  const isMadeAnew = !isSameTime(noted.created, created)
  const hasFirst = noted.first !== undefined && isSamePoint(noted.first, observed.first)
  // what was noted while the stream was empty knows its newest event only
  const isKnown = noted.first === undefined ? hasNewest(noted, observed) : hasFirst
  if (isMadeAnew && !isKnown) return { tag: 'another', created, noted: noted.created }
  if (noted.newest !== undefined && last_seq < noted.newest.seq)
    return { tag: 'shorter', last_seq, noted_seq: noted.newest.seq }
  if (noted.first !== undefined && !hasFirst) return { tag: 'changed', seq: noted.first.seq }
  if (noted.newest !== undefined && !hasNewest(noted, observed))
    return { tag: 'changed', seq: noted.newest.seq }
  if (missing > noted.missing) return { tag: 'hole', missing: missing - noted.missing, last_seq }
  return isMadeAnew ? { tag: 'restored', created, noted: noted.created } : { tag: 'same' }
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

/** Sequences that hold no event: every sequence of a ledger does. */
const missingOf = ({ state }: Pick<StreamInfo, 'state'>): number =>
  Math.max(state.last_seq - state.messages, 0)

/** The event at `seq` as the stream's leader has it; undefined where there is none. */
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

/** Compares the stream that is there with a note; `info` is what its leader said of it a moment ago. */
export const examineWith = (
  jsm: JetStreamManager,
  noted: Origin,
  info: StreamInfo,
): TaskEither<StreamError, StreamFinding> =>
  pipe(
    TE.Do,
    TE.apS('first', pointAt(jsm, noted.first)),
    TE.apS('newest', pointAt(jsm, noted.newest)),
    TE.map(points =>
      compareOrigin(noted, {
        created: info.created,
        last_seq: info.state.last_seq,
        missing: missingOf(info),
        ...points,
      }),
    ),
  )

/** Compares the stream that is there with a note. */
export const examineStream = (jsm: JetStreamManager, noted: Origin): TaskEither<StreamError, StreamFinding> =>
  pipe(
    infoOf(jsm),
    TE.chain(info => examineWith(jsm, noted, info)),
    TE.orElseW(error =>
      error.tag === 'NotFound' ? TE.right<StreamError, StreamFinding>({ tag: 'absent' }) : TE.left(error),
    ),
  )

/** What can be noted of the stream now; `info` is what its leader said of it a moment ago. */
export const originOf = (jsm: JetStreamManager, info: StreamInfo): TaskEither<StreamError, Origin> => {
  const { created, state } = info
  if (state.messages === 0) return TE.right({ created, missing: missingOf(info) })
  return pipe(
    TE.Do,
    TE.apS('first', readPoint(jsm, state.first_seq)),
    TE.apS('newest', readPoint(jsm, state.last_seq)),
    TE.map(({ first, newest }) => ({
      created,
      missing: missingOf(info),
      ...(first === undefined ? {} : { first }),
      ...(newest === undefined ? {} : { newest }),
    })),
  )
}

/** What can be noted of the stream now. `NotFound` when there is none. */
export const readOrigin = (jsm: JetStreamManager): TaskEither<StreamError, Origin> =>
  pipe(
    infoOf(jsm),
    TE.chain(info => originOf(jsm, info)),
  )

/** The codec of a note. */
export const OriginJson: t.Type<Origin, unknown, unknown> = Noted

/** A note from parsed JSON; left when it is none. */
export const decodeOrigin = (u: unknown): Either<string, Origin> =>
  pipe(
    Noted.decode(u),
    E.mapLeft(() => 'it is no note of a stream'),
  )
