/**
 * The second opinion: what the stream's events make of every customer, folded without a line of `src/ledger`.
 */

import { customerOf, type ReadEvent, readEvent } from './event.js'

/** A message of the stream, as far as the fold looks at it. */
export type Entry = { readonly seq: number; readonly subject: string; readonly body: Uint8Array }

/** A customer after some events; the names are those of the tables' attributes. */
export type Standing = {
  readonly balance: bigint
  readonly version: number
  /** The last event that counts. */
  readonly seq: number
  /** Where it waits for a program that knows a newer schema, and the last event that was left out since. */
  readonly parked_seq?: number
  readonly parked_schema?: number
  readonly parked_last_seq?: number
}

export type Refusal = 'MALFORMED' | 'INSUFFICIENT_FUNDS' | 'BALANCE_LIMIT'

/** What became of one event; `before` and `after` are its customer's. */
export type Folded<A extends Entry> = {
  readonly entry: A
  /** Undefined for a subject that is no customer's. */
  readonly id: string | undefined
  readonly event: ReadEvent | undefined
  readonly outcome: 'applied' | 'left out' | Refusal
  readonly before: Standing
  readonly after: Standing
}

export const NOBODY: Standing = { balance: 0n, version: 0, seq: 0 }

const LARGEST = 9_223_372_036_854_775_807n

/** The last event that moved a customer's item. */
export const positionOf = ({ seq, parked_last_seq = 0 }: Standing): number => Math.max(seq, parked_last_seq)

const move = (
  { type, amount }: ReadEvent,
  { balance, version }: Standing,
  seq: number,
): Standing | Refusal => {
  if (type === 'declined') return { balance, version, seq }
  const moved = type === 'credit' ? balance + amount : balance - amount
  if (moved < 0n) return 'INSUFFICIENT_FUNDS'
  return moved > LARGEST ? 'BALANCE_LIMIT' : { balance: moved, version: version + 1, seq }
}

export type Fold = {
  /** Folds the next message; they have to come in stream order, without a gap. */
  readonly take: <A extends Entry>(entry: A) => Folded<A>
  /** Every customer that has an item: an event that counts, or one from the future. */
  readonly customers: ReadonlyMap<string, Standing>
}

export const createFold = (): Fold => {
  const customers = new Map<string, Standing>()

  const take = <A extends Entry>(entry: A): Folded<A> => {
    const id = customerOf(entry.subject)
    const before = (id === undefined ? undefined : customers.get(id)) ?? NOBODY
    const reading = readEvent(entry.body)
    const event = reading.tag === 'event' ? reading.event : undefined
    const stays = { entry, id, event, before, after: before }
    if (id === undefined) return { ...stays, outcome: 'MALFORMED' }
    const moves = (outcome: 'applied' | 'left out', after: Standing): Folded<A> => {
      customers.set(id, after)
      return { ...stays, outcome, after }
    }
    if (before.parked_seq !== undefined) return moves('left out', { ...before, parked_last_seq: entry.seq })
    if (reading.tag === 'future') {
      const { seq } = entry
      const parked = { parked_seq: seq, parked_schema: reading.schema, parked_last_seq: seq }
      return moves('left out', { ...before, ...parked })
    }
    if (event === undefined) return { ...stays, outcome: 'MALFORMED' }
    const after = move(event, before, entry.seq)
    return typeof after === 'string' ? { ...stays, outcome: after } : moves('applied', after)
  }

  return { take, customers }
}
