/**
 * The transaction ids of what a journal lacks that is far behind: read from the stream, within a bound, and kept while they
 * are needed.
 */

import { decodeEvent } from '../../ledger/event.js'
import { readRange } from '../../stream/read.js'
import { LEDGER_STREAM, LEDGER_SUBJECTS } from '../../stream/settings.js'
import type { CommandDeps } from '../deps.js'
import { type StoredTransaction, storedAt } from './stored-transaction.js'
import { certainlyRefused_ms, proveEnd } from './window.js'

export type Tail = {
  /**
   * The stored event of `transaction_id` behind `floor_seq`; undefined when there is none, but for what is so young that
   * the stream itself refuses it. Rejects with `TailUnread` when that cannot be told.
   */
  readonly find: (transaction_id: string, floor_seq: number) => Promise<StoredTransaction | undefined>
  /** Nothing of it is needed any more. */
  readonly forget: () => void
}

/** What the journal lacks cannot be read, so an id that it does not hold may be known all the same. */
export class TailUnread extends Error {
  override readonly name = 'TailUnread'
}

/** Of these the ids are read and kept: a few seconds, and tens of megabytes. */
const EVENTS_MAX = 200_000
/** What was read so long ago is read on. The stream refuses whatever is younger than half of its duplicate window. */
const FRESH_MS = 1_000

/** The ids of the events behind `from_seq` up to `to_seq`. */
type Part = {
  readonly ids: Map<string, number>
  readonly from_seq: number
  to_seq: number
  fresh_until_ms: number
}

const newPart = (from_seq: number): Part => ({
  ids: new Map(),
  from_seq,
  to_seq: from_seq,
  fresh_until_ms: Number.NEGATIVE_INFINITY,
})

const readOn = async (deps: CommandDeps, part: Part, floor_seq: number): Promise<void> => {
  const proof = await proveEnd(deps)
  const { last_seq, asked_ms } = proof
  if (last_seq - floor_seq > EVENTS_MAX) throw new Error(`it is ${last_seq - floor_seq} events behind`)
  const range = {
    stream: LEDGER_STREAM,
    subject: LEDGER_SUBJECTS,
    from_seq: part.to_seq + 1,
    to_seq: last_seq,
  }
  for await (const { seq, body } of readRange(deps.nc, range)) {
    part.to_seq = seq
    const decoded = decodeEvent(body)
    if (decoded.tag !== 'event' || decoded.event.transaction_id === undefined) continue
    // the first event of an id is the one that counts
    if (!part.ids.has(decoded.event.transaction_id)) part.ids.set(decoded.event.transaction_id, seq)
  }
  if (part.to_seq < last_seq) throw new Error(`it could be read up to ${part.to_seq} of ${last_seq} only`)
  part.fresh_until_ms = asked_ms + Math.min(FRESH_MS, certainlyRefused_ms(proof))
}

export const createTail = (deps: CommandDeps): Tail => {
  let part: Part | undefined
  let reading: Promise<void> | undefined

  /** What is kept, if it holds everything behind `floor_seq` and not far more; else nothing yet. */
  const partFrom = (floor_seq: number): Part => {
    const isOf = part !== undefined && part.from_seq <= floor_seq && part.from_seq > floor_seq - EVENTS_MAX
    const found = part !== undefined && isOf ? part : newPart(floor_seq)
    part = found
    return found
  }

  const read = async (floor_seq: number): Promise<Part> => {
    for (;;) {
      const found = partFrom(floor_seq)
      if (performance.now() < found.fresh_until_ms) return found
      // one reading at a time; one that is under way may be of another part
      reading ??= readOn(deps, found, floor_seq).finally(() => {
        reading = undefined
      })
      await reading
    }
  }

  return {
    find: async (transaction_id, floor_seq) => {
      try {
        const seq = (await read(floor_seq)).ids.get(transaction_id)
        return seq === undefined ? undefined : await storedAt(deps, seq)
      } catch (cause) {
        const message = cause instanceof Error ? cause.message : String(cause)
        throw new TailUnread(`what the journal lacks cannot be read: ${message}`, { cause })
      }
    },
    forget: () => {
      part = undefined
    },
  }
}
