/**
 * The checker's own fold: computes from the stream's entries every state of every customer, and the outcome of every entry.
 */

import { customerOf, type Entry, type Event, keyOf, readEvent } from './event.js'
import { judgeTerms, type Refused, type Terms, timeOf } from './terms.js'

/** The state of a customer after an event that had an effect; `seq` is the sequence of that event. */
export type State = {
  readonly balance: bigint
  readonly version: number
  readonly seq: number
  /** Undefined for a plain account. */
  readonly terms: Terms | undefined
}

type Outcome = 'applied' | 'MALFORMED' | Refused

/** One entry with its outcome; `before` and `after` are the states of its customer. */
export type Folded = {
  readonly entry: Entry
  readonly client_id: string | undefined
  readonly event: Event | undefined
  readonly key: string | undefined
  readonly outcome: Outcome
  readonly before: State
  readonly after: State
}

export type Ledger = {
  /** Every entry in order. Sequences have no gaps, so entry `seq` is at index `seq - first_seq`. */
  readonly all: readonly Folded[]
  readonly at: (seq: number) => Folded | undefined
  /** All states that a customer ever had, in order, beginning with the opening state. */
  readonly statesOf: (client_id: string) => readonly State[]
  readonly customers: () => readonly string[]
  /** A customer's state once everything up to `seq` is folded. */
  readonly stateAt: (client_id: string, seq: number) => State
  /** The largest credit limit that a customer ever had. */
  readonly limitOf: (client_id: string) => bigint
  readonly last_seq: number
  /** One text for each entry that could not be folded. */
  readonly problems: readonly string[]
}

export const OPENING: State = { balance: 0n, version: 0, seq: 0, terms: undefined }
const OPENING_ONLY: readonly State[] = [OPENING]
const NS_PER_MS = 1_000_000n

/** The time at which an entry was stored, in whole milliseconds. */
export const storedMs = ({ time_ns }: Entry): number => Number(time_ns / NS_PER_MS)

const move = (event: Event, { balance, version, terms }: State, entry: Entry): State | Outcome => {
  const moved = judgeTerms({ balance, terms }, event, timeOf(event, storedMs(entry)))
  if (typeof moved === 'string') return moved
  return {
    ...{ balance: moved.balance, version: version + (moved.grows ? 1 : 0) },
    ...{ seq: entry.seq, terms: moved.terms },
  }
}

/**
 * The index of the last element for which `holds` is true, or -1. Once `holds` is false for an element, it has to be false
 * for all later ones.
 */
export const lastIndexWhere = <A>(list: readonly A[], holds: (one: A) => boolean): number => {
  let [low, high] = [0, list.length]
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    const one = list[middle]
    if (one !== undefined && holds(one)) low = middle + 1
    else high = middle
  }
  return low - 1
}

/** Folds the entries of the stream, which have to be in order. */
export const foldAll = (entries: readonly Entry[]): Ledger => {
  const states = new Map<string, State[]>()
  const problems: string[] = []

  const take = (entry: Entry): Folded => {
    const client_id = customerOf(entry.subject)
    const read = readEvent(entry.body, client_id)
    if (read === 'newer') problems.push(`event ${entry.seq} is of a schema that is not judged here`)
    const event = typeof read === 'string' ? undefined : read
    const own = client_id === undefined ? undefined : states.get(client_id)
    const before = own?.at(-1) ?? OPENING
    const about = { entry, client_id, event, key: keyOf(entry, event), before }
    if (client_id === undefined || event === undefined)
      return { ...about, outcome: 'MALFORMED', after: before }
    const moved = move(event, before, entry)
    if (typeof moved === 'string') return { ...about, outcome: moved, after: before }
    if (own === undefined) states.set(client_id, [OPENING, moved])
    else own.push(moved)
    return { ...about, outcome: 'applied', after: moved }
  }

  const all = entries.map(take)
  const first_seq = all[0]?.entry.seq ?? 1
  const statesOf = (client_id: string): readonly State[] => states.get(client_id) ?? OPENING_ONLY
  return {
    all,
    at: seq => all[seq - first_seq],
    statesOf,
    customers: () => [...states.keys()],
    stateAt: (client_id, seq) => {
      const own = statesOf(client_id)
      return own[lastIndexWhere(own, state => state.seq <= seq)] ?? OPENING
    },
    limitOf: client_id =>
      statesOf(client_id).reduce((most, { terms }) => (terms && terms.limit > most ? terms.limit : most), 0n),
    last_seq: all.at(-1)?.entry.seq ?? 0,
    problems,
  }
}
