/**
 * Checks that every atomic batch in the stream is whole: half a transfer is money lost.
 *
 * nats-server keeps the headers of a batch (`Nats-Batch-Id`, `Nats-Batch-Sequence` from 1 on, and `Nats-Batch-Commit`
 * with the last message), and stores its messages at neighbouring sequences. A single server stores them one after
 * the other: when its machine dies in the middle of a batch, and the staged messages are lost too, the stream ends
 * with a part of the batch (docs/adr/0032).
 */

import type { NatsConnection } from 'nats'
import { E, type TaskEither } from '../fp.js'
import { type StreamError, tryStream } from './errors.js'
import { BATCH_MESSAGES_MAX } from './publish.js'
import { readAhead, readRange } from './read.js'
import type { Recorded } from './recorded.js'
import { LEDGER_STREAM, LEDGER_SUBJECTS } from './settings.js'

/** The part of a batch that is stored, and what it lacks. */
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
  /** The sequence of its last seen message in the stream, and in the batch. */
  last_seq: number
  last_place: number
}

export type BatchCheck = {
  /** Takes every message in order. Gives a batch that this message shows not to be whole, else undefined. */
  readonly see: (message: Stored) => PartOfBatch | undefined
  /** The batch whose last message has not been seen yet, if there is one. */
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

/** Creates a check of messages in stream order. The first message may be in the middle of a batch: this is no fault. */
export const createBatchCheck = (): BatchCheck => {
  let open: Open | undefined
  let is_first = true

  const begin = (batch_id: string, place: number, seq: number, is_given: boolean): Open => ({
    batch_id,
    from_seq: seq,
    has_beginning: place === 1 || is_given,
    last_seq: seq,
    last_place: place,
  })

  /** Closes the open batch, whose last message will not come any more, and gives its part. */
  const leave = (): PartOfBatch | undefined => {
    const part = open === undefined ? undefined : partOf(open, false)
    open = undefined
    return part
  }

  return {
    see: ({ seq, headers }) => {
      const is_given = is_first
      is_first = false
      const batch_id = headers?.get('Nats-Batch-Id') ?? ''
      // for the server, an empty id means that there is no batch
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

/** Describes a part of a batch in a sentence for a person. */
export const describePart = ({ batch_id, from_seq, to_seq, lacks }: PartOfBatch): string =>
  `${from_seq === to_seq ? `sequence ${from_seq} holds` : `sequences ${from_seq} to ${to_seq} hold`} a part of the atomic batch ${batch_id} that lacks ${lacks}`

/** A look begins at most this number of messages, and one batch, before the end; `jetledger verify` reads all. */
const LOOK_MESSAGES_MAX = 50_000

export type BatchLook = {
  readonly part: PartOfBatch
  /** Whether other messages are stored after it, so that the rest cannot come any more. */
  readonly is_certain: boolean
}

/**
 * The messages from sequence `from` to `last_seq`: from any replica, and from the leader when that replica is behind.
 */
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
  // when the end was not reached, messages that were not read may complete the open batch
  const part = reached === last_seq ? check.open() : undefined
  return part === undefined ? undefined : { part, is_certain: false }
}

/**
 * Checks the batches of the ledger stream from `from_seq` to its end, at most the last 50,000 messages and one batch
 * before them; undefined when all are whole. Messages up to `after_seq` are not checked. The newest batch may still be
 * under way: then its part is not certain.
 */
export const lookAtBatches = (
  nc: NatsConnection,
  { from_seq, last_seq, after_seq }: { from_seq: number; last_seq: number; after_seq: number },
): TaskEither<StreamError, BatchLook | undefined> => {
  const oldest = Math.max(from_seq, last_seq - LOOK_MESSAGES_MAX)
  const from = Math.max(1, after_seq + 1, oldest - BATCH_MESSAGES_MAX + 1)
  return tryStream(`look at the batches of ${LEDGER_STREAM}`, () => lookFrom(nc, from, last_seq))
}
