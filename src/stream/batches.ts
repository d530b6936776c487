/**
 * Whether every atomic batch that the stream holds is whole: half a transfer is money lost.
 *
 * nats-server keeps the headers by which a batch was published (`Nats-Batch-Id`, `Nats-Batch-Sequence` from 1 on, and
 * `Nats-Batch-Commit` with the last message), and its messages have neighbouring sequences. A single server stores them one
 * after the other: when its machine dies amid a batch, and what was staged is lost too, the stream ends with a part of it
 * (docs/adr/0032).
 */

import type { NatsConnection } from 'nats'
import { E, type TaskEither } from '../fp.js'
import { type StreamError, tryStream } from './errors.js'
import { BATCH_MESSAGES_MAX } from './publish.js'
import { readAhead, readRange } from './read.js'
import type { Recorded } from './recorded.js'
import { LEDGER_STREAM, LEDGER_SUBJECTS } from './settings.js'

/** The part of a batch that is there. */
export type PartOfBatch = {
  readonly batch_id: string
  readonly from_seq: number
  readonly to_seq: number
  readonly lacks: 'its beginning' | 'its end' | 'its beginning and its end'
}

type Stored = Pick<Recorded, 'seq' | 'headers'>

type Open = {
  readonly batch_id: string
  readonly from_seq: number
  readonly has_beginning: boolean
  /** The last message of it that was seen: in the stream, and in the batch. */
  last_seq: number
  last_place: number
}

export type BatchCheck = {
  /** Told of every message in order; gives the part of a batch that has just turned out to be no more than that. */
  readonly see: (message: Stored) => PartOfBatch | undefined
  /** The part that is there of a batch whose end has not come yet. */
  readonly open: () => PartOfBatch | undefined
}

const partOf = (
  { batch_id, from_seq, last_seq, has_beginning }: Open,
  has_end: boolean,
): PartOfBatch | undefined => {
  if (has_beginning && has_end) return undefined
  const lacks = has_beginning ? 'its end' : has_end ? 'its beginning' : 'its beginning and its end'
  return { batch_id, from_seq, to_seq: last_seq, lacks }
}

const continues = (open: Open, batch_id: string, place: number, seq: number): boolean =>
  open.batch_id === batch_id && place === open.last_place + 1 && seq === open.last_seq + 1

/** A check of messages in stream order. The first one may stand amid a batch: what was before it is not in question. */
export const createBatchCheck = (): BatchCheck => {
  let open: Open | undefined
  let isFirst = true

  const begin = (batch_id: string, place: number, seq: number, is_given: boolean): Open => ({
    batch_id,
    from_seq: seq,
    has_beginning: place === 1 || is_given,
    last_seq: seq,
    last_place: place,
  })

  /** What is said of the batch that was open before the message that has just come. */
  const leave = (): PartOfBatch | undefined => {
    const part = open === undefined ? undefined : partOf(open, false)
    open = undefined
    return part
  }

  return {
    see: ({ seq, headers }) => {
      const is_given = isFirst
      isFirst = false
      const batch_id = headers?.get('Nats-Batch-Id') ?? ''
      // the server takes an empty id for none
      if (headers === undefined || batch_id === '') return leave()
      const place = Number(headers.get('Nats-Batch-Sequence'))
      const left = open !== undefined && !continues(open, batch_id, place, seq) ? leave() : undefined
      open ??= begin(batch_id, place, seq, is_given)
      open.last_seq = seq
      open.last_place = place
      if (headers.get('Nats-Batch-Commit') === '') return left
      const ended = partOf(open, true)
      open = undefined
      return left ?? ended
    },
    open: () => (open === undefined ? undefined : partOf(open, false)),
  }
}

/** A part of a batch in a sentence for a person. */
export const describePart = ({ batch_id, from_seq, to_seq, lacks }: PartOfBatch): string =>
  `${from_seq === to_seq ? `sequence ${from_seq} holds` : `sequences ${from_seq} to ${to_seq} hold`} a part of the atomic batch ${batch_id} that lacks ${lacks}`

/** How far back a look goes at the most; verify reads everything. */
const LOOK_MESSAGES_MAX = 50_000

export type BatchLook = {
  readonly part: PartOfBatch
  /** Whether more is stored behind it, so that the rest cannot come any more. */
  readonly is_certain: boolean
}

/** What is stored from a sequence on: of any replica, and of the leader where that replica is behind. */
async function* storedFrom(nc: NatsConnection, from: number, last_seq: number): AsyncGenerator<Recorded> {
  for (let next = from; next <= last_seq; ) {
    const page = await readAhead(nc, LEDGER_STREAM, next, last_seq + 1)()
    const reached = E.isRight(page) ? page.right.at(-1)?.seq : undefined
    if (E.isLeft(page) || reached === undefined) {
      const range = { stream: LEDGER_STREAM, subject: LEDGER_SUBJECTS, from_seq: next, to_seq: last_seq }
      return yield* readRange(nc, range)
    }
    yield* page.right
    next = reached + 1
  }
}

const lookFrom = async (
  nc: NatsConnection,
  from: number,
  last_seq: number,
): Promise<BatchLook | undefined> => {
  const check = createBatchCheck()
  let reached = from - 1
  for await (const message of storedFrom(nc, from, last_seq)) {
    const part = check.see(message)
    if (part !== undefined) return { part, is_certain: true }
    reached = message.seq
  }
  // whoever knows no end cannot say what is missing there
  const part = reached === last_seq ? check.open() : undefined
  return part === undefined ? undefined : { part, is_certain: false }
}

/**
 * Looks at the batches of the ledger stream from `from_seq` to its end, 50,000 messages at the most; undefined when all are
 * whole. `after_seq` is the last one that nobody asks about. The newest may only be on its way: then the part is not certain.
 */
export const lookAtBatches = (
  nc: NatsConnection,
  { from_seq, last_seq, after_seq }: { from_seq: number; last_seq: number; after_seq: number },
): TaskEither<StreamError, BatchLook | undefined> => {
  const oldest = Math.max(from_seq, last_seq - LOOK_MESSAGES_MAX)
  const from = Math.max(1, after_seq + 1, oldest - BATCH_MESSAGES_MAX + 1)
  return tryStream(`look at the batches of ${LEDGER_STREAM}`, () => lookFrom(nc, from, last_seq))
}
