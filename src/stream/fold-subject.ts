/**
 * Folds one customer's subject, starting from any state that is known to be complete.
 *
 * The end of the subject is proved (last.ts), because a server that knows of no further event may be a replaced leader.
 */

import type { JetStreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from 'nats'
import { E, Failed, type TaskEither, TE, unwrap } from '../fp.js'
import { type AccountId, eventSubject } from '../ledger/account-id.js'
import type { LedgerEvent } from '../ledger/event.js'
import { type Decoded, decodeEvent } from '../ledger/event.js'
import { type Customer, NEW_CUSTOMER, step } from '../ledger/fold.js'
import type { Skip } from '../ledger/skip.js'
import { againWhileBehind, BEHIND } from './behind.js'
import { type StreamError, toStreamError } from './errors.js'
import { lastProved } from './last.js'
import { nextRecorded, readRange } from './read.js'
import type { Recorded } from './recorded.js'
import { LEDGER_STREAM } from './settings.js'

/** A customer after every event of its subject up to `last_seq`. */
export type Folded = { readonly customer: Customer; readonly last_seq: number }

/** A fold, and the stream sequence up to which it lacks no event. */
export type FoldedTo = Folded & { readonly complete_to: number }

/** The state of every customer before the first event of its subject. */
export const FROM_THE_BEGINNING: Folded = { customer: NEW_CUSTOMER, last_seq: 0 }

/**
 * The state from which the fold goes on after a customer's head. For a parked customer it goes on at the event at which
 * the customer waits, because a decision about that event may be among the later events, which were left out.
 */
export const fromHead = ({ account, parked }: Customer): Folded =>
  parked === undefined
    ? { customer: { account }, last_seq: account.seq }
    : { customer: { account }, last_seq: parked.seq - 1 }

export type SubjectFoldOptions = {
  /** Events after this sequence do not count; 2^53-1 or more means the stream's end. */
  readonly to_seq: number
  /** A fold of more events fails with `TryAgain`: later the projection is further, and fewer events are left. */
  readonly events_max: number
  /** The decoder of an event's body; `decodeEvent` by default. */
  readonly decode?: typeof decodeEvent | undefined
  /** Gets every event that counts, in stream order. The fold ends with an event for which it says `enough`. */
  readonly onApplied?: (record: Recorded, event: LedgerEvent, after: Customer) => unknown
}

/**
 * The number of events of a tail that are read one by one, which asks the leader for each; a longer one is read in pages. From
 * the beginning there are mostly many: then all are.
 */
const SINGLES_MAX = 50

const isOpen = ({ to_seq }: SubjectFoldOptions): boolean => to_seq >= Number.MAX_SAFE_INTEGER

/** The cause of a fold's failure: the subject has more events than `events_max`, and will never have fewer. */
export class TooManyEvents extends Error {
  override readonly name = 'TooManyEvents'
}

export type SubjectDeps = { readonly nc: NatsConnection; readonly jsm: JetStreamManager }

/** A proved end: the last sequence of a subject (0: it has no events), and of the stream. */
type End = { readonly subject_seq: number; readonly stream_seq: number }

/** A running fold: its options, the decisions that it has met, its event count, and the end once it was asked for. */
type Work = {
  readonly deps: SubjectDeps
  readonly id: AccountId
  readonly options: SubjectFoldOptions
  readonly skips: Map<number, Skip>
  events: number
  /** Whoever gets the events has enough of them. */
  is_enough: boolean
  end: End | undefined
}

/** Asks for the end only once in a fold, so that a publisher that is faster than the fold cannot keep it running. */
const endOf = async (work: Work): Promise<End> => {
  if (work.end === undefined) {
    const subject = eventSubject(work.id)
    const { proof, last } = unwrap(await lastProved(work.deps.nc, [subject])())
    work.end = { subject_seq: last.get(subject)?.seq ?? 0, stream_seq: proof.last_seq }
  }
  return work.end
}

const countEvent = (work: Work): void => {
  work.events += 1
  const { events_max } = work.options
  if (work.events <= events_max) return
  const message = `${work.id} has more than ${events_max} events to fold`
  throw new Failed({ tag: 'TryAgain', message, cause: new TooManyEvents(message) })
}

/** Keeps the decision in an event, if it is about an earlier event. */
const keepSkip = ({ skips }: Work, seq: number, decoded: Decoded): void => {
  if (decoded.tag === 'skip' && decoded.skip.seq < seq) skips.set(decoded.skip.seq, decoded.skip)
}

/** Reads the next event from `seq` to `to_seq`; undefined when there is none. */
const nextUpTo = async (work: Work, seq: number, to_seq: number): Promise<Recorded | undefined> => {
  const { deps, id } = work
  const next = await againWhileBehind(`has the event of ${id} after ${seq - 1}`, async () => {
    const found = await nextRecorded(deps.jsm, LEDGER_STREAM, eventSubject(id), seq)()
    if (E.isLeft(found) || found.right !== undefined) return found
    return E.right((await endOf(work)).subject_seq < seq ? undefined : BEHIND)
  })
  const found = unwrap(next)
  return found !== undefined && found.seq <= to_seq ? found : undefined
}

/** Folds the subject once, from `from` to the end. */
const foldOnce = async (work: Work, from: Folded): Promise<Folded> => {
  const { id, skips, options, deps } = work
  const { decode = decodeEvent, onApplied } = options
  let { customer, last_seq } = from

  const take = (record: Recorded): void => {
    countEvent(work)
    if (record.seq <= last_seq) return
    const decoded = decode(record.body, id)
    keepSkip(work, record.seq, decoded)
    const next = step(customer, record, decoded, skips)
    last_seq = record.seq
    if (next.tag !== 'applied' && next.tag !== 'parked') return
    customer = next.customer
    if (next.tag === 'applied' && decoded.tag === 'event')
      work.is_enough = onApplied?.(record, decoded.event, customer) === 'enough'
  }

  let to_seq = isOpen(options) ? (await endOf(work)).subject_seq : options.to_seq
  const singles_max = last_seq === 0 ? 0 : SINGLES_MAX
  for (let singles = 0; last_seq < to_seq && singles < singles_max; singles += 1) {
    const found = await nextUpTo(work, last_seq + 1, to_seq)
    if (found === undefined) return { customer, last_seq }
    take(found)
    if (work.is_enough) return { customer, last_seq }
  }
  if (last_seq < to_seq) {
    to_seq = Math.min(to_seq, (await endOf(work)).subject_seq)
    const range = { stream: LEDGER_STREAM, subject: eventSubject(id), from_seq: last_seq + 1, to_seq }
    for await (const record of readRange(deps.nc, range)) {
      take(record)
      if (work.is_enough) break
    }
  }
  return { customer, last_seq }
}

/** Reads the decisions after the folded part: a later decision holds for the past too. */
const readLaterSkips = async (work: Work, from_seq: number): Promise<void> => {
  const { subject_seq } = await endOf(work)
  const range = { stream: LEDGER_STREAM, subject: eventSubject(work.id), from_seq, to_seq: subject_seq }
  for await (const { seq, body } of readRange(work.deps.nc, range)) {
    countEvent(work)
    keepSkip(work, seq, (work.options.decode ?? decodeEvent)(body, work.id))
  }
}

/**
 * Folds to the end. When the customer is parked there although the subject holds a decision about the event, it folds
 * again from that event, with the decision. Each round gets further than the one before.
 */
const fold = async (
  deps: SubjectDeps,
  id: AccountId,
  from: Folded,
  options: SubjectFoldOptions,
): Promise<FoldedTo> => {
  const work: Work = { deps, id, options, skips: new Map(), events: 0, is_enough: false, end: undefined }
  const done = (folded: Folded): FoldedTo => ({
    ...folded,
    complete_to: Math.min(options.to_seq, work.end?.stream_seq ?? options.to_seq),
  })
  for (let start = from; ; ) {
    const folded = await foldOnce(work, start)
    const { account, parked } = folded.customer
    if (parked === undefined) return done(folded)
    if (!work.skips.has(parked.seq) && !isOpen(options)) await readLaterSkips(work, options.to_seq + 1)
    if (!work.skips.has(parked.seq)) return done(folded)
    start = { customer: { account }, last_seq: parked.seq - 1 }
  }
}

/**
 * Folds the events of a customer's subject after `from` and up to `to_seq`. The fold is complete up to `complete_to`:
 * that is `to_seq`, or the end that the stream had at the call or later. `TryAgain` while no server proves that end.
 */
export const foldSubject = (
  deps: SubjectDeps,
  id: AccountId,
  from: Folded,
  options: SubjectFoldOptions,
): TaskEither<StreamError, FoldedTo> =>
  TE.tryCatch(
    () => fold(deps, id, from, options),
    cause => (cause instanceof Failed ? cause.error : toStreamError(`fold ${id}`, cause)),
  )
