/**
 * Puts together all that is known of a run for the checks: the history, the fold of the stream, and what follows from both
 * about the time at which each event was stored.
 */

import type { Call, CallHistory } from './calls.js'
import type { Entry } from './event.js'
import { type Folded, foldAll, type Ledger } from './fold.js'
import { field } from './json.js'
import {
  type BalanceRead,
  balanceReads,
  type FateRead,
  fateReads,
  type ListRead,
  listReads,
  type StatementRead,
  statementReads,
} from './reads.js'
import { gatherWrites, positionsOf, type Write } from './writes.js'

/**
 * Bounds of the time at which each event was stored. The stream has one order. So when a client has seen an event, all earlier
 * events were stored too; and an event was stored after its own write, and those of all earlier events, were first sent.
 */
type Times = {
  /** The event was stored after this time, in microseconds of the history; 0 when nothing is known. */
  readonly after_us: (seq: number) => number
  /** The event was stored before this time; infinity when nothing is known. */
  readonly before_us: (seq: number) => number
}

export type World = {
  readonly calls: readonly Call[]
  readonly ledger: Ledger
  readonly writes: ReadonlyMap<string, Write>
  /** The events that carry a key, in order. */
  readonly eventsOf: (key: string) => readonly Folded[]
  readonly times: Times
  readonly balances: readonly BalanceRead[]
  readonly statements: readonly StatementRead[]
  readonly lists: readonly ListRead[]
  readonly fates: readonly FateRead[]
}

const NONE: readonly Folded[] = []

type Sighting = readonly [seq: number, at_us: number]

const seenIn = ({ attempts }: Write): readonly Sighting[] =>
  attempts.flatMap(({ call, claim }) =>
    claim.tag === 'acknowledged' ? claim.positions.map(({ seq }) => [seq, call.end.at_us] as const) : [],
  )

/** Every pair of a sequence and a time at which a client had seen that event stored. */
function* sightings(world: Omit<World, 'times'>): Generator<Sighting> {
  for (const write of world.writes.values()) yield* seenIn(write)
  for (const { call, shown } of world.balances) if (shown !== undefined) yield [shown.seq, call.end.at_us]
  for (const { call, entries } of world.statements) for (const { seq } of entries) yield [seq, call.end.at_us]
  for (const { call, body } of world.fates)
    for (const { seq } of positionsOf(field(body, 'reply'))) yield [seq, call.end.at_us]
}

const createTimes = (world: Omit<World, 'times'>): Times => {
  const { last_seq } = world.ledger
  const before = new Float64Array(last_seq + 2).fill(Number.POSITIVE_INFINITY)
  const after = new Float64Array(last_seq + 2)
  for (const [seq, at_us] of sightings(world))
    if (seq <= last_seq) before[seq] = Math.min(before[seq] ?? 0, at_us)
  for (let seq = last_seq - 1; seq >= 0; seq -= 1)
    before[seq] = Math.min(before[seq] ?? 0, before[seq + 1] ?? Number.POSITIVE_INFINITY)
  for (const { entry, key } of world.ledger.all) {
    const calls = key === undefined ? [] : (world.writes.get(key)?.attempts ?? [])
    after[entry.seq] = calls.reduce(
      (least, { call }) => Math.min(least, call.at_us),
      calls[0]?.call.at_us ?? 0,
    )
  }
  for (let seq = 1; seq <= last_seq; seq += 1) after[seq] = Math.max(after[seq] ?? 0, after[seq - 1] ?? 0)
  return {
    after_us: seq => after[seq] ?? 0,
    before_us: seq => before[seq] ?? Number.POSITIVE_INFINITY,
  }
}

/** Puts a run together from its history and the entries of its stream, which have to be in order. */
export const createWorld = ({ calls }: Pick<CallHistory, 'calls'>, entries: readonly Entry[]): World => {
  const ledger = foldAll(entries)
  const by_key = new Map<string, Folded[]>()
  for (const folded of ledger.all) {
    const { key = '' } = folded
    const others = by_key.get(key)
    if (others === undefined) by_key.set(key, [folded])
    else others.push(folded)
  }
  const world = {
    calls,
    ledger,
    writes: gatherWrites(calls),
    eventsOf: (key: string) => by_key.get(key) ?? NONE,
    balances: balanceReads(calls),
    statements: statementReads(calls),
    lists: listReads(calls),
    fates: fateReads(calls),
  }
  return { ...world, times: createTimes(world) }
}
