/**
 * The fold of one customer's subject as the stream's leader has it, from any state that is known to be complete.
 */

import type { JetStreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from 'nats'
import { E, type TaskEither, TE } from '../fp.js'
import { type ClientId, eventSubject } from '../ledger/client-id.js'
import type { LedgerEvent } from '../ledger/event.js'
import { decodeEvent } from '../ledger/event.js'
import { type Customer, NEW_CUSTOMER, step } from '../ledger/fold.js'
import { type StreamError, toStreamError } from './errors.js'
import { nextRecorded, readRange } from './read.js'
import type { Recorded } from './recorded.js'
import { LEDGER_STREAM } from './settings.js'

/** A customer after every event of its subject up to `last_seq`. */
export type Folded = { readonly customer: Customer; readonly last_seq: number }

/** Where every subject begins. */
export const FROM_THE_BEGINNING: Folded = { customer: NEW_CUSTOMER, last_seq: 0 }

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

type Deps = { readonly nc: NatsConnection; readonly jsm: JetStreamManager }

const fold = async (
  { nc, jsm }: Deps,
  id: ClientId,
  from: Folded,
  { to_seq, events_max, decode = decodeEvent, onApplied }: FoldOptions,
): Promise<Folded> => {
  const subject = eventSubject(id)
  let { customer, last_seq } = from
  let events = 0

  const take = (record: Recorded): void => {
    events += 1
    if (events > events_max)
      throw new Failed({ tag: 'TryAgain', message: `${id} has more than ${events_max} events to fold` })
    if (record.seq <= last_seq) return
    const decoded = decode(record.body)
    const next = step(customer, record.seq, decoded)
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
    if (events % SINGLES_MAX !== 0) continue
    // whoever publishes faster than we fold cannot keep us here: it is read up to where the stream ends at this moment
    end_seq = Math.min(to_seq, (await jsm.streams.info(LEDGER_STREAM)).state.last_seq)
    const range = { stream: LEDGER_STREAM, subject, from_seq: last_seq + 1, to_seq: end_seq }
    for await (const record of readRange(nc, range)) take(record)
    break
  }
  return { customer, last_seq }
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
