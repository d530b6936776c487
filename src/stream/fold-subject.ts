/**
 * The fold of one customer's subject as the stream's leader has it, from any state that is known to be complete.
 */

import type { JetStreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from 'nats'
import { E, type TaskEither, TE } from '../fp.js'
import { type ClientId, eventSubject } from '../ledger/client-id.js'
import type { LedgerEvent } from '../ledger/event.js'
import { type Decoded, decodeEvent } from '../ledger/event.js'
import { type Customer, NEW_CUSTOMER, step } from '../ledger/fold.js'
import type { Skip } from '../ledger/skip.js'
import { type StreamError, toStreamError } from './errors.js'
import { nextRecorded, readRange } from './read.js'
import type { Recorded } from './recorded.js'
import { LEDGER_STREAM } from './settings.js'

/** A customer after every event of its subject up to `last_seq`. */
export type Folded = { readonly customer: Customer; readonly last_seq: number }

/** Where every subject begins. */
export const FROM_THE_BEGINNING: Folded = { customer: NEW_CUSTOMER, last_seq: 0 }

/**
 * From where a customer's head is folded on. A parked one begins at the event that it waits at: a decision about it may
 * be among the events that were left out since.
 */
export const fromHead = ({ account, parked }: Customer): Folded =>
  parked === undefined
    ? { customer: { account }, last_seq: account.seq }
    : { customer: { account }, last_seq: parked.seq - 1 }

export type FoldOptions = {
  /** Events after this sequence do not count. */
  readonly to_seq: number
  /** A longer tail is given up: `TryAgain`, for the projection will be further then. */
  readonly events_max: number
  /** How an event is read; `decodeEvent` unless the caller knows more. */
  readonly decode?: typeof decodeEvent | undefined
  /** Told of every event that counts, in stream order. */
  readonly onApplied?: (record: Recorded, event: LedgerEvent, after: Customer) => void
}

/** A tail longer than this is read through a consumer and not message by message. */
const SINGLES_MAX = 50

/** Thrown inside, so that it is told from what the client throws. */
class Failed extends Error {
  readonly error: StreamError
  constructor(error: StreamError) {
    super(error.message)
    this.error = error
  }
}

const orThrow = <A>(result: E.Either<StreamError, A>): A => {
  if (E.isLeft(result)) throw new Failed(result.left)
  return result.right
}

/** The cause of a failure: the subject has more events than were to be folded, and will never have fewer. */
export class TooManyEvents extends Error {
  override readonly name = 'TooManyEvents'
}

type Deps = { readonly nc: NatsConnection; readonly jsm: JetStreamManager }

/** A fold under way: what it may still read, and the decisions that it has met. */
type Work = {
  readonly deps: Deps
  readonly id: ClientId
  readonly options: FoldOptions
  readonly skips: Map<number, Skip>
  events: number
}

const count = (work: Work): void => {
  work.events += 1
  const { events_max } = work.options
  if (work.events <= events_max) return
  const message = `${work.id} has more than ${events_max} events to fold`
  throw new Failed({ tag: 'TryAgain', message, cause: new TooManyEvents(message) })
}

/** Keeps a decision about an event before it. */
const keepSkip = ({ skips }: Work, seq: number, decoded: Decoded): void => {
  if (decoded.tag === 'skip' && decoded.skip.seq < seq) skips.set(decoded.skip.seq, decoded.skip)
}

/** One way through the subject, from `from` to the end. */
const pass = async (work: Work, from: Folded): Promise<Folded> => {
  const { id, skips, options } = work
  const { nc, jsm } = work.deps
  const { to_seq, decode = decodeEvent, onApplied } = options
  const subject = eventSubject(id)
  let { customer, last_seq } = from
  let singles = 0

  const take = (record: Recorded): void => {
    count(work)
    if (record.seq <= last_seq) return
    const decoded = decode(record.body)
    keepSkip(work, record.seq, decoded)
    const next = step(customer, record.seq, decoded, skips)
    last_seq = record.seq
    if (next.tag !== 'applied' && next.tag !== 'parked') return
    customer = next.customer
    if (next.tag === 'applied' && decoded.tag === 'event') onApplied?.(record, decoded.event, customer)
  }

  let end_seq = to_seq
  while (last_seq < end_seq) {
    const found = orThrow(await nextRecorded(jsm, LEDGER_STREAM, subject, last_seq + 1)())
    if (found === undefined || found.seq > end_seq) break
    take(found)
    singles += 1
    if (singles % SINGLES_MAX !== 0) continue
    // whoever publishes faster than we fold cannot keep us here: it is read up to where the stream ends at this moment
    end_seq = Math.min(to_seq, (await jsm.streams.info(LEDGER_STREAM)).state.last_seq)
    const range = { stream: LEDGER_STREAM, subject, from_seq: last_seq + 1, to_seq: end_seq }
    for await (const record of readRange(nc, range)) take(record)
    break
  }
  return { customer, last_seq }
}

/** Looks for decisions after the part that is folded: what was decided later holds for the past too. */
const readLaterSkips = async (work: Work, from_seq: number): Promise<void> => {
  const { nc, jsm } = work.deps
  const { last_seq } = (await jsm.streams.info(LEDGER_STREAM)).state
  const range = { stream: LEDGER_STREAM, subject: eventSubject(work.id), from_seq, to_seq: last_seq }
  for await (const { seq, body } of readRange(nc, range)) {
    count(work)
    keepSkip(work, seq, (work.options.decode ?? decodeEvent)(body))
  }
}

/**
 * Folds on until the end; where the customer is parked there although a decision about the event is on its subject, again
 * from that event, with what was decided. Each time it comes further.
 */
const fold = async (deps: Deps, id: ClientId, from: Folded, options: FoldOptions): Promise<Folded> => {
  const work: Work = { deps, id, options, skips: new Map(), events: 0 }
  for (let start = from; ; ) {
    const folded = await pass(work, start)
    const { account, parked } = folded.customer
    if (parked === undefined) return folded
    if (!work.skips.has(parked.seq) && Number.isFinite(options.to_seq))
      await readLaterSkips(work, options.to_seq + 1)
    if (!work.skips.has(parked.seq)) return folded
    start = { customer: { account }, last_seq: parked.seq - 1 }
  }
}

/**
 * Folds what the leader has on a customer's subject after `from`, up to `to_seq`. What it gives is complete up to
 * `to_seq`, or up to where the stream ended at the call.
 */
export const foldSubject = (
  deps: Deps,
  id: ClientId,
  from: Folded,
  options: FoldOptions,
): TaskEither<StreamError, Folded> =>
  TE.tryCatch(
    () => fold(deps, id, from, options),
    cause => (cause instanceof Failed ? cause.error : toStreamError(`fold ${id}`, cause)),
  )
