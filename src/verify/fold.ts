/**
 * The second opinion: what the stream's events make of every customer, folded without a line of `src/ledger`.
 */

import { customerOf, type ReadEvent, type Reading, readEvent } from './event.js'

/** A message of the stream, as far as the fold looks at it. */
type Entry = { readonly seq: number; readonly subject: string; readonly body: Uint8Array }

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

export type Refusal = 'MALFORMED' | 'SKIPPED' | 'INSUFFICIENT_FUNDS' | 'BALANCE_LIMIT'

/** What became of one event; `before` and `after` are its customer's. */
export type Folded<A extends Entry> = {
  readonly entry: A
  /** Undefined for a subject that is no customer's. */
  readonly id: string | undefined
  readonly event: ReadEvent | undefined
  readonly outcome: 'applied' | 'left out' | 'decision' | Refusal
  readonly before: Standing
  readonly after: Standing
}

/** Decisions: whose event, and which (`skipKey`). */
export type Skips = ReadonlySet<string>

/** A decision counts only for an event of the customer on whose subject it is. */
export const skipKey = (id: string, seq: number): string => `${id} ${seq}`

/** Thrown where a parked customer's decision is met: the fold has to begin anew, and know of it from the start. */
export class DecisionMet extends Error {
  override readonly name = 'DecisionMet'
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

/** Folds with the decisions that are known; one that is not throws `DecisionMet`. */
export const createFold = (skips: Skips = new Set()): Fold => {
  const customers = new Map<string, Standing>()

  /** A customer that waits goes on only by its decision, and then from where it waits. */
  const leaveOut = (before: Standing, seq: number, reading: Reading): Standing => {
    if (reading.tag === 'skip' && before.parked_seq === reading.seq)
      throw new DecisionMet(`the decision about event ${reading.seq} came at ${seq}`)
    return { ...before, parked_last_seq: seq }
  }

  /** What an event does to a customer that does not wait. */
  const judge = (
    id: string,
    before: Standing,
    seq: number,
    reading: Reading,
  ): [Folded<Entry>['outcome'], Standing] => {
    switch (reading.tag) {
      case 'malformed':
        return ['MALFORMED', before]
      case 'skip':
        return ['decision', before]
      case 'future': {
        if (skips.has(skipKey(id, seq))) return ['SKIPPED', before]
        const parked = { parked_seq: seq, parked_schema: reading.schema, parked_last_seq: seq }
        return ['left out', { ...before, ...parked }]
      }
      case 'event': {
        const after = move(reading.event, before, seq)
        return typeof after === 'string' ? [after, before] : ['applied', after]
      }
    }
  }

  const take = <A extends Entry>(entry: A): Folded<A> => {
    const id = customerOf(entry.subject)
    const before = (id === undefined ? undefined : customers.get(id)) ?? NOBODY
    const reading = readEvent(entry.body)
    const event = reading.tag === 'event' ? reading.event : undefined
    if (id === undefined) return { entry, id, event, before, after: before, outcome: 'MALFORMED' }
    const [outcome, after] =
      before.parked_seq === undefined
        ? judge(id, before, entry.seq, reading)
        : (['left out', leaveOut(before, entry.seq, reading)] as const)
    if (after !== before) customers.set(id, after)
    return { entry, id, event, before, after, outcome }
  }

  return { take, customers }
}
