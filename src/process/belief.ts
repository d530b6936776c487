/**
 * Decides whether the items that a process reads from a projection's table may be believed.
 *
 * The process looks at the table, its consumer and the stream every second, and at once when something does not fit.
 * Between two looks each read also returns the table's identity, so that an emptied or exchanged table never answers:
 * a table of another epoch, or in an older state of the same epoch, is not believed (docs/adr/0026).
 */

import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { type Belonging, type GenerationPlace, judge, look } from '../projections/belonging.js'
import type { Trust } from '../tables/heads.js'
import type { Identity } from '../tables/identity.js'

const LOOK_EVERY_MS = 1_000
/** The shortest time between two looks that readers cause when they find a table that they may not believe. */
const LOOK_AGAIN_MS = 200

/** The result of the last look at a table. */
type Known = {
  readonly table: string
  readonly belonging: Belonging
  /** The highest sequence at which the table was seen in this epoch. It never goes back. */
  seen_seq: number
}

type Seen = { readonly epoch: string | undefined; readonly seq: number }

export type Belief = {
  /**
   * Resolves with the reason why the table is not believed, or undefined when it is. Looks at the table first, unless
   * the last look already believed it.
   */
  readonly about: (table: string) => Promise<string | undefined>
  /** Judges the identities that reads of the table return which begin after the call. */
  readonly trust: (table: string) => Trust
  /**
   * Judges as `trust` does. The table must also hold every event that the stream held when the table was begun, and
   * every event up to `acked_seq`, which its projection had acknowledged.
   */
  readonly trustWhole: (table: string, acked_seq: number) => Trust
  readonly stop: () => void
}

/** The reason why a table with this judgement is not believed; undefined when it is. */
export const disbelief = (table: string, belonging: Belonging): string | undefined => {
  switch (belonging.tag) {
    case 'ours':
      return undefined
    case 'absent':
      return `the table ${table} does not exist`
    case 'begin':
      return belonging.reason ?? `the table ${table} is not filled yet`
    case 'emptying':
      return filling(table, belonging.identity)
    case 'unusable':
    case 'stream lacks events':
      return belonging.message
  }
}

/** A sentence that says how far a table is that is being filled again. */
export const filling = (table: string, { newest, whole_from_seq, reason }: Identity): string =>
  `the table ${table} is being folded from sequence 1, at ${newest.seq} of ${whole_from_seq}${reason === undefined ? '' : `: ${reason}`}`

/** A sentence for the events that a believed table still lacks; undefined when it lacks none. */
const lacking = (table: string, found: Identity, acked_seq: number): string | undefined => {
  if (found.newest.seq < found.whole_from_seq) return filling(table, found)
  return found.newest.seq < acked_seq ? `the table ${table} was set back to ${found.newest.seq}` : undefined
}

/** Begins to look at the table that `place` returns, and goes on until `stop` is called. */
export const createBelief = (place: () => Promise<GenerationPlace | undefined>, log: Logger): Belief => {
  const ending = new AbortController()
  let known: Known | undefined
  let looking: Promise<void> | undefined
  let looked_ms = Number.NEGATIVE_INFINITY

  const lookNow = async (): Promise<void> => {
    looked_ms = performance.now()
    try {
      const where = await place()
      if (where === undefined) return
      const belonging = judge(where.table, await look(where))
      const is_same = known?.table === where.table && epochOf(known.belonging) === epochOf(belonging)
      const seen_seq = is_same ? (known?.seen_seq ?? 0) : 0
      known = { table: where.table, belonging, seen_seq: Math.max(seen_seq, newestOf(belonging)) }
    } catch (err) {
      log.debug({ err }, 'a table cannot be looked at just now')
    } finally {
      looking = undefined
    }
  }

  const lookSoon = (): Promise<void> => {
    looking ??= lookNow()
    return looking
  }

  /** Looks again for all readers together, at most once in `LOOK_AGAIN_MS`. */
  const lookAgain = async (): Promise<void> => {
    if (looking !== undefined || performance.now() - looked_ms > LOOK_AGAIN_MS) await lookSoon()
  }

  const lookUntilStopped = async (): Promise<void> => {
    while (!ending.signal.aborted) {
      await lookSoon()
      await sleep(LOOK_EVERY_MS, undefined, { signal: ending.signal, ref: false }).catch(() => undefined)
    }
  }
  void lookUntilStopped()

  /** The reason why a table is not believed, before anything is read from it. */
  const doubt = (table: string): string | undefined =>
    known?.table === table
      ? disbelief(table, known.belonging)
      : `the table ${table} cannot be looked at just now`

  /** How far the table was seen, in which epoch: what a read that begins now must not be behind. */
  const seenOf = (table: string): Seen | undefined =>
    known?.table === table ? { epoch: epochOf(known.belonging), seq: known.seen_seq } : undefined

  const problem = (
    table: string,
    found: Identity | undefined,
    seen: Seen | undefined,
  ): string | undefined => {
    const why = doubt(table)
    if (known === undefined || why !== undefined) return why
    if (found === undefined) return `the table ${table} does not say what it was folded from: it was emptied`
    if (found.state === 'emptying') return filling(table, found)
    if (found.epoch !== epochOf(known.belonging)) return `the table ${table} was begun again`
    // of two reads at once the one that began first may end last, and is no older than what was seen before it
    if (seen?.epoch === found.epoch && found.newest.seq < seen.seq)
      return `the table ${table} was set back to ${found.newest.seq}`
    known.seen_seq = Math.max(known.seen_seq, found.newest.seq)
    return undefined
  }

  const trust = (table: string): Trust => {
    const seen = seenOf(table)
    return found => {
      const why = problem(table, found, seen)
      if (why !== undefined) void lookAgain()
      return why
    }
  }

  return {
    about: async table => {
      if (known?.table !== table) await lookSoon()
      else if (known.belonging.tag !== 'ours') await lookAgain()
      return doubt(table)
    },
    trust,
    trustWhole: (table, acked_seq) => {
      const judgeRead = trust(table)
      return found => judgeRead(found) ?? (found === undefined ? undefined : lacking(table, found, acked_seq))
    },
    stop: () => ending.abort(),
  }
}

const newestOf = (belonging: Belonging): number =>
  belonging.tag === 'ours' ? belonging.identity.newest.seq : 0

const epochOf = (belonging: Belonging): string | undefined =>
  belonging.tag === 'ours' ? belonging.identity.epoch : undefined
