/**
 * Rebuilds a projection from the stream's first event (the command `jetledger replay`).
 *
 * It fills the table of the next generation beside the active one, compares that table with the fold, and makes the new
 * generation the active one. The old generation is dropped, or kept for a way back (docs/adr/0016).
 */

import { run } from '../../fp.js'
import { type PointerEntry, readPointer, setPointer } from '../../generations/pointer.js'
import { dropConsumer } from '../../stream/consumer.js'
import { readOrigin, readPoint } from '../../stream/identity.js'
import { leadershipOf } from '../../stream/leadership.js'
import { TABLES } from '../../tables/definition.js'
import { beginEpoch, type Identity, noteMark, readIdentity } from '../../tables/identity.js'
import { createTable, dropTable, tableExists, tableFacts } from '../../tables/provision.js'
import { journalNote } from '../../tables/savepoints.js'
import { judge, look, streamText } from '../belonging.js'
import type { ProjectionDeps } from '../deps.js'
import { persist } from '../persist.js'
import type { Projection } from '../projection.js'
import { type Target, targetOf, withIdentity } from '../target.js'
import { compare, readTable, type TableContent } from './expected.js'
import { createFiller, type Filler, type FillOptions } from './fill.js'
import { flip } from './flip.js'
import { type ReplayLock, readReplay, takeLock } from './lock.js'
import { ReplayError } from './replay-error.js'

/** The result of a replay. */
export type Replayed = {
  readonly projection: string
  readonly generation: number
  /** The number of events that the new generation was built from. */
  readonly events: number
  readonly customers: number
  readonly rows: number
  /** The sequence at which this replay went on with an earlier one; undefined when it began with the first event. */
  readonly resumed_at?: number
  /** The generation before, when it is kept for a way back. */
  readonly previous?: number
  readonly took: StageTimes
}

/** The duration of each stage. A fixed part of the last one is the time in which readers follow the pointer. */
type StageTimes = {
  readonly folding_ms: number
  readonly comparing_ms: number
  readonly switching_ms: number
}

export type ReplayOptions = {
  /** Keeps the old generation, so that `replayBack` can return to it. */
  readonly keep: boolean
  readonly checkpoint_ms: number
  readonly onProgress: (stage: 'folding' | 'comparing' | 'switching', done: number, total: number) => void
  /** The user who does it, where that is known; the pointer names the user. */
  readonly by?: string | undefined
  /** Ends the replay early. The written part stays for the next replay to go on from. */
  readonly signal: AbortSignal
}

export const CHECKPOINT_MS = 30_000
/** Events that are published during the fill are folded in further rounds, until no more than this many are left. */
const NEARLY_EVENTS = 2_000
const ROUNDS_MAX = 10

/** Starts a stop-watch. Each call of the returned function gives the milliseconds since the call before. */
const startWatch = () => {
  let began_ms = performance.now()
  return (): number => {
    const lap_ms = Math.round(performance.now() - began_ms)
    began_ms = performance.now()
    return lap_ms
  }
}

const emptyExpected = (): TableContent => ({
  customers: new Map(),
  sums: new Map(),
  rows: 0,
  unwritten_rows: 0,
})

const lastSeq = async ({ nc }: ProjectionDeps, signal: AbortSignal): Promise<number> =>
  (await persist(() => run(leadershipOf(nc).prove()), signal)).last_seq

const remove = async ({ nc, tables, table, consumer }: Target, signal: AbortSignal): Promise<void> => {
  await persist(() => run(dropConsumer(nc, consumer)), signal)
  await persist(() => run(dropTable(tables, table)), signal)
}

/**
 * Removes an old generation. It runs after the switch, when the replay has succeeded, so an error is only logged: a
 * table that may not be dropped (on AWS, one that CloudFormation owns) stays.
 */
const discard = async (target: Target, signal: AbortSignal): Promise<void> => {
  try {
    await remove(target, signal)
  } catch (err) {
    target.log.warn({ table: target.table, err }, 'the old table stays: it could not be removed')
  }
}

/** Writes the identity of a new table, so that the table says from the beginning which stream it is folded from. */
const nameTable = async (to: Target): Promise<Identity> => {
  const existing = await run(readIdentity(to.tables, to.table))
  // an earlier try has written it, and its answer was lost
  if (existing !== undefined) return existing
  const facts = await run(tableFacts(to.tables, to.table, TABLES[to.projection.name]))
  const stream = streamText(await run(readOrigin(to.jsm)))
  const beginning = {
    table_id: facts?.table_id ?? '',
    stream,
    whole_from_seq: 0,
    reason: undefined,
    journal: journalNote(to.journal),
  }
  return run(beginEpoch(to.tables, to.table, undefined, { ...beginning, state: 'filling' }))
}

/** The identity of a table that holds everything up to `seq` from an earlier replay; undefined when it does not. */
const readHalfBuilt = async (to: Target, seq: number): Promise<Identity | undefined> => {
  const belonging = judge(to.table, await look(to))
  return belonging.tag === 'ours' && belonging.identity.newest.seq >= seq ? belonging.identity : undefined
}

/** Returns the table to fill and its content: as an earlier replay left it, or new and empty. */
const begin = async (
  deps: ProjectionDeps,
  projection: Projection,
  { generation: active, previous = 0 }: PointerEntry,
  { left }: ReplayLock,
  signal: AbortSignal,
): Promise<{ to: Target; expected: TableContent; from_seq: number }> => {
  const next = Math.max(active, previous) + 1
  const to = targetOf(deps, projection, next)
  const exists = await persist(() => run(tableExists(deps.tables, to.table)), signal)
  if (exists && left !== undefined && left.generation === next && left.seq > 0) {
    const identity = await persist(() => readHalfBuilt(to, left.seq), signal)
    if (identity !== undefined) {
      const expected = await readTable(deps.tables, to, signal)
      return { to: withIdentity(to, identity), expected, from_seq: left.seq + 1 }
    }
  }
  if (exists) await remove(to, signal)
  await persist(() => run(createTable(deps.tables, to.table, TABLES[projection.name])), signal)
  const identity = await persist(() => nameTable(to), signal)
  return { to: withIdentity(to, identity), expected: emptyExpected(), from_seq: 1 }
}

/** Notes first in the table and then in the lock that everything up to `seq` is written: the lock is never ahead. */
const noteFilled = async ({ lock }: Work, to: Target, seq: number): Promise<void> => {
  const newest = seq === 0 ? undefined : await run(readPoint(to.jsm, seq))
  if (newest !== undefined && to.epoch !== undefined)
    await run(noteMark(to.tables, to.table, { epoch: to.epoch, from_seq: 0, newest }))
  await lock.note(to.generation, seq)
}

/** Fills the table up to the stream's last event, and again for the events that were published in the meantime. */
const fillUp = async (deps: ProjectionDeps, filler: Filler, signal: AbortSignal): Promise<void> => {
  for (let round = 1; round <= ROUNDS_MAX; round += 1) {
    const last_seq = await lastSeq(deps, signal)
    await filler.to(last_seq)
    if ((await lastSeq(deps, signal)) - last_seq <= NEARLY_EVENTS) return
  }
}

/** Compares the table with the fold. Throws `ReplayError`, which names the first differences. */
const checkTable = async (to: Target, expected: TableContent, signal: AbortSignal): Promise<void> => {
  const differences = compare(expected, await readTable(to.tables, to, signal))
  if (differences.length === 0) return
  throw new ReplayError(`the rebuilt table ${to.table} differs from the stream: ${differences.join('; ')}`)
}

/** Drops the old generation unless it is to be kept, and in any case the generation that was kept before. */
const tidy = async (
  from: Target,
  keep: boolean,
  before: PointerEntry,
  after: PointerEntry,
  signal: AbortSignal,
): Promise<void> => {
  const { projection } = from
  if (before.previous !== undefined && before.previous !== after.generation) {
    await discard(targetOf(from, projection, before.previous), signal)
  }
  if (keep) return
  await run(setPointer(from, projection.name, { generation: after.generation, by: after.by }, after.revision))
  await discard(from, signal)
}

type Work = {
  readonly deps: ProjectionDeps
  readonly projection: Projection
  readonly lock: ReplayLock
  readonly entry: PointerEntry
  readonly options: ReplayOptions
}

const fillOptions = (work: Work, to: Target, total: number): FillOptions => {
  const { options } = work
  return {
    checkpoint_ms: options.checkpoint_ms,
    onCheckpoint: seq => persist(() => noteFilled(work, to, seq), options.signal),
    onProgress: seq => options.onProgress('folding', seq, Math.max(seq, total)),
    signal: options.signal,
  }
}

const rebuild = async (work: Work): Promise<Replayed> => {
  const { deps, projection, lock, entry, options } = work
  const lap_ms = startWatch()
  const { to, expected, from_seq } = await begin(deps, projection, entry, lock, options.signal)
  await lock.note(to.generation, from_seq - 1)
  const filler = createFiller(
    to,
    expected,
    from_seq,
    fillOptions(work, to, await lastSeq(deps, options.signal)),
  )
  await fillUp(deps, filler, options.signal)
  const folding_ms = lap_ms()
  options.onProgress('comparing', 0, 1)
  await checkTable(to, expected, options.signal)
  const comparing_ms = lap_ms()
  options.onProgress('comparing', 1, 1)
  options.onProgress('switching', 0, 1)
  const from = targetOf(deps, projection, entry.generation)
  const after = await flip({ from, to, filler, entry, by: options.by })
  await tidy(from, options.keep, entry, after, options.signal)
  options.onProgress('switching', 1, 1)
  return {
    projection: projection.name,
    generation: to.generation,
    events: filler.position(),
    customers: expected.customers.size,
    rows: expected.rows,
    ...(from_seq === 1 ? {} : { resumed_at: from_seq }),
    ...(options.keep ? { previous: entry.generation } : {}),
    took: { folding_ms, comparing_ms, switching_ms: lap_ms() },
  }
}

/**
 * Releases the lock after work that failed. An error is ignored, so that the cause of the failure is thrown; a lock
 * that is not released can be taken over after a while.
 */
const giveBack = (lock: ReplayLock): Promise<void> => lock.release().catch(() => undefined)

/** Does `work` under the lock. The lock is removed when the work is done; when it fails, the checkpoint stays. */
const withLock = async <A>(
  deps: ProjectionDeps,
  projection: Projection,
  options: ReplayOptions,
  work: (work: Work) => Promise<A>,
): Promise<A> => {
  const lost = new AbortController()
  const lock = await takeLock(deps.kv, projection.name, why => lost.abort(why))
  const signal = AbortSignal.any([options.signal, lost.signal])
  try {
    const entry = await run(readPointer(deps.jsm, projection.name))
    const result = await work({ deps, projection, lock, entry, options: { ...options, signal } })
    await lock.remove()
    return result
  } catch (thrown) {
    await giveBack(lock)
    throw thrown
  }
}

/**
 * Rebuilds `projection` beside a service at work. Throws `ReplayError` when another replay is at work (`ReplayLocked`)
 * or the table differs from the fold, and `Failed`. After such an error the active generation is as before.
 */
export const replay = (
  deps: ProjectionDeps,
  projection: Projection,
  options: ReplayOptions,
): Promise<Replayed> => withLock(deps, projection, options, rebuild)

/**
 * Returns the target of a table that is as its projection left it, and the sequence up to which it is folded. Throws
 * `ReplayError` when the table is not. The sequence is the table's and not its consumer's, because a projector that was
 * superseded at its start has made no consumer.
 */
const trustTable = async (target: Target): Promise<{ to: Target; folded_seq: number }> => {
  const belonging = judge(target.table, await look(target))
  if (belonging.tag === 'ours') {
    const { identity } = belonging
    return { to: withIdentity(target, identity), folded_seq: identity.newest.seq }
  }
  const why =
    'message' in belonging ? belonging.message : 'reason' in belonging ? belonging.reason : undefined
  throw new ReplayError(`there is no way back to the table ${target.table}: ${why ?? 'it holds nothing'}`)
}

/**
 * Returns to the generation that the last replay kept, and keeps the present one in its place. Throws as `replay`
 * does, also when no generation was kept or its table cannot be trusted.
 */
export const replayBack = (
  deps: ProjectionDeps,
  projection: Projection,
  options: Omit<ReplayOptions, 'keep'>,
): Promise<Replayed> =>
  withLock(deps, projection, { ...options, keep: true }, async work => {
    const {
      entry,
      options: { signal },
    } = work
    const lap_ms = startWatch()
    if (entry.previous === undefined) {
      throw new ReplayError(`there is no earlier generation of ${projection.name} (replay --keep keeps one)`)
    }
    const { to, folded_seq } = await trustTable(targetOf(deps, projection, entry.previous))
    const expected = await readTable(deps.tables, to, signal)
    const filler = createFiller(
      to,
      expected,
      folded_seq + 1,
      fillOptions(work, to, await lastSeq(deps, signal)),
    )
    await fillUp(deps, filler, signal)
    const folding_ms = lap_ms()
    const from = targetOf(deps, projection, entry.generation)
    await flip({ from, to, filler, entry, by: work.options.by })
    const { customers, rows } = expected
    return {
      projection: projection.name,
      generation: to.generation,
      events: filler.position(),
      customers: customers.size,
      rows,
      previous: entry.generation,
      took: { folding_ms, comparing_ms: 0, switching_ms: lap_ms() },
    }
  })

/** The target of the generation after all that there were. */
const nextTarget = async (deps: ProjectionDeps, projection: Projection): Promise<Target> => {
  const { generation, previous = 0 } = await run(readPointer(deps.jsm, projection.name))
  return targetOf(deps, projection, Math.max(generation, previous) + 1)
}

/** Whether a replay has left something: its lock, or the table that it was filling. */
const hasHalfBuilt = async (deps: ProjectionDeps, projection: Projection): Promise<boolean> =>
  (await run(readReplay(deps.kv, projection.name))) !== undefined ||
  (await run(tableExists(deps.tables, (await nextTarget(deps, projection)).table)))

/** Drops the table of an unfinished replay. Returns whether there was one. Throws `ReplayLocked` or `Failed`. */
export const cancelReplay = async (deps: ProjectionDeps, projection: Projection): Promise<boolean> => {
  // where nothing is, nothing is written either: a lock would be a record of a replay that never was
  if (!(await hasHalfBuilt(deps, projection))) return false
  const lock = await takeLock(deps.kv, projection.name, () => undefined)
  try {
    const half = await nextTarget(deps, projection)
    const exists = await run(tableExists(deps.tables, half.table))
    if (exists) await remove(half, new AbortController().signal)
    await lock.remove()
    return exists
  } catch (thrown) {
    await giveBack(lock)
    throw thrown
  }
}
