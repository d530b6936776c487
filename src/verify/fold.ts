/**
 * Folds the stream's events into every customer's state, as a second opinion: it shares no line of code with
 * `src/ledger`.
 */

import { judge, type Terms, type TermsRefusal } from './account.js'
import { customerOf, type ReadEvent, type Reading, readEvent } from './event.js'
import { LARGEST } from './values.js'

/** The parts of a message that the fold needs; `at` is the time at which it was stored. */
type Entry = { readonly seq: number; readonly subject: string; readonly body: Uint8Array; readonly at: Date }

/** A customer's state after some events. The field names are those of the head's attributes, but for `balance` and `terms`. */
export type Standing = {
  readonly balance: bigint
  readonly version: number
  /** The last event that counts. */
  readonly seq: number
  /** The holds, the limit and the restriction; absent for a plain customer. */
  readonly terms?: Terms | undefined
  /**
   * For a parked customer: the event at which it waits for a program that knows its schema, that schema, and the last
   * event that was left out since.
   */
  readonly parked_seq?: number
  readonly parked_schema?: number
  readonly parked_last_seq?: number
}

export type Refusal = 'MALFORMED' | 'SKIPPED' | TermsRefusal

/** The outcome of one event; `before` and `after` are its customer's states. */
export type Folded<A extends Entry> = {
  readonly entry: A
  /** The customer's id; undefined when the subject is no customer's. */
  readonly id: string | undefined
  readonly event: ReadEvent | undefined
  readonly outcome: 'applied' | 'left out' | 'decision' | Refusal
  readonly before: Standing
  readonly after: Standing
}

/** Decisions, each as the key of the customer and the event that it is about (`skipKey`). */
export type Skips = ReadonlySet<string>

/** The key of a decision. It has the customer's id, because a decision counts only for events on its own subject. */
export const skipKey = (id: string, seq: number): string => `${id} ${seq}`

/** Thrown at the decision of a parked customer: the fold has to begin again, with the decision known from the start. */
export class DecisionMet extends Error {
  override readonly name = 'DecisionMet'
}

/** The state of a customer before its first event. */
export const NO_EVENTS: Standing = { balance: 0n, version: 0, seq: 0 }

/** The sequence of the last event that changed a customer's item. */
export const positionOf = ({ seq, parked_last_seq = 0 }: Standing): number => Math.max(seq, parked_last_seq)

/** The state of a plain customer after an event of schema 1 that it can take, or the reason why it is refused. */
const move = (
  { type, amount = 0n }: ReadEvent,
  { balance, version }: Standing,
  seq: number,
): Standing | Refusal => {
  if (type === 'declined') return { balance, version, seq }
  // a balance may still be negative after the limit that allowed it was taken back: it takes every credit
  if (type === 'debit' && amount > balance) return 'INSUFFICIENT_FUNDS'
  const moved = type === 'credit' ? balance + amount : balance - amount
  return moved > LARGEST ? 'BALANCE_LIMIT' : { balance: moved, version: version + 1, seq }
}

const PLAIN: readonly ReadEvent['type'][] = ['credit', 'debit', 'declined']

/** The customer's state after an event that it can take, or the reason why the event is refused. */
const next = (
  event: ReadEvent,
  before: Standing,
  { seq, at }: Pick<Entry, 'seq' | 'at'>,
): Standing | Refusal => {
  if (before.terms === undefined && event.hold === undefined && PLAIN.includes(event.type))
    return move(event, before, seq)
  const after = judge(before, event, at.getTime())
  if (typeof after === 'string') return after
  const { terms, ...plain } = after
  return terms === undefined ? { ...plain, seq } : { ...plain, seq, terms }
}

export type Fold = {
  /** Folds the next message. Messages have to come in stream order, without a gap. Throws `DecisionMet`. */
  readonly take: <A extends Entry>(entry: A) => Folded<A>
  /** Every customer that has an item: each has an event that counts, or an event from the future. */
  readonly customers: ReadonlyMap<string, Standing>
}

/**
 * Creates a fold that knows the decisions in `skips`. At any other decision of a parked customer it throws
 * `DecisionMet`.
 */
export const createFold = (skips: Skips = new Set()): Fold => {
  const customers = new Map<string, Standing>()

  /** The new state of a parked customer when an event is left out. Throws `DecisionMet` at the customer's decision. */
  const leaveOut = (before: Standing, seq: number, reading: Reading): Standing => {
    if (reading.tag === 'skip' && before.parked_seq === reading.seq)
      throw new DecisionMet(`the decision about event ${reading.seq} came at ${seq}`)
    return { ...before, parked_last_seq: seq }
  }

  /** The outcome of an event for a customer that is not parked, and the customer's new state. */
  const judgeFor = (
    id: string,
    before: Standing,
    entry: Entry,
    reading: Reading,
  ): [Folded<Entry>['outcome'], Standing] => {
    const { seq } = entry
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
        const after = next(reading.event, before, entry)
        return typeof after === 'string' ? [after, before] : ['applied', after]
      }
    }
  }

  const take = <A extends Entry>(entry: A): Folded<A> => {
    const id = customerOf(entry.subject)
    const before = (id === undefined ? undefined : customers.get(id)) ?? NO_EVENTS
    const reading = readEvent(entry.body, id ?? '')
    const event = reading.tag === 'event' ? reading.event : undefined
    if (id === undefined) return { entry, id, event, before, after: before, outcome: 'MALFORMED' }
    const [outcome, after] =
      before.parked_seq === undefined
        ? judgeFor(id, before, entry, reading)
        : (['left out', leaveOut(before, entry.seq, reading)] as const)
    if (after !== before) customers.set(id, after)
    return { entry, id, event, before, after, outcome }
  }

  return { take, customers }
}
