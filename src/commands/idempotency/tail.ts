/**
 * The transaction ids of the events that a journal lacks while it is far behind: read from the stream, within a bound, and kept
 * while they are needed.
 */

import { decodeEvent } from '../../ledger/event.js'
import { readRange } from '../../stream/read.js'
import { LEDGER_STREAM, LEDGER_SUBJECTS } from '../../stream/settings.js'
import type { CommandDeps } from '../deps.js'
import { type StoredTransaction, storedAt } from './stored-transaction.js'
import { certainlyRefused_ms, proveEnd } from './window.js'

export type Tail = {
  /**
   * The stored event of `transaction_id` after `floor_seq`; undefined when there is none, apart from events that are so young
   * that the stream itself refuses their ids. Rejects with `TailUnread` when that is not certain.
   */
  readonly find: (transaction_id: string, floor_seq: number) => Promise<StoredTransaction | undefined>
  /** Drops the ids: the journal has caught up. */
  readonly forget: () => void
}

/** The events that the journal lacks cannot be read, so an id that it does not hold may be stored all the same. */
export class TailUnread extends Error {
  override readonly name = 'TailUnread'
}

/** The largest number of events whose ids are kept: a few seconds of reading, and tens of megabytes. */
const EVENTS_MAX = 200_000
/** Ids that were read longer ago are read on. */
const FRESH_MS = 1_000

/** The ids of the events after `from_seq`, up to `to_seq`. */
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
    // of several events with one id the first one counts
    if (!part.ids.has(decoded.event.transaction_id)) part.ids.set(decoded.event.transaction_id, seq)
  }
  if (part.to_seq < last_seq) throw new Error(`it could be read up to ${part.to_seq} of ${last_seq} only`)
  part.fresh_until_ms = asked_ms + Math.min(FRESH_MS, certainlyRefused_ms(proof))
}

export const createTail = (deps: CommandDeps): Tail => {
  let part: Part | undefined
  let reading: Promise<void> | undefined

  /** The part that is kept, if it holds everything after `floor_seq` and not far more; else an empty one. */
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
      // one reading at a time; the one that is under way may fill another part
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
