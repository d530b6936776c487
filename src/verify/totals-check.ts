/**
 * Compares the sums of the table with the stream.
 *
 * A sum is written together with the heads of the customers that it counts, so the heads say which events are in the
 * sums. While a service is at work, heads and sums cannot be read at the same moment. So the heads are read first,
 * and then the sums. Every event that the heads cover then has to be in the sums, and a sum that is too low is
 * certainly wrong. A sum that is too high may hold an event that came in between. It is read again, up to 60 times,
 * until it is equal or nothing changes any more.
 */

import { pause } from '../back-off.js'
import type { RawItem } from '../tables/batch-get.js'
import type { Run } from './deps.js'
import { wholeIn } from './item.js'
import { readAll } from './scan.js'
import {
  GROWING,
  isZero,
  keysOf,
  minus,
  plus,
  SUM_FIELDS,
  type Sum,
  type SumField,
  shareOf,
  ZERO,
} from './sums.js'
import type { Target } from './target.js'
import { ackedSeq, lastSeq } from './wait.js'
import type { Step, Walk } from './walk.js'

/** The number of items in which one sum is kept. */
const LANES = 4
const SUM_ID = /^(=(?:all|day:\d{4}-\d\d-\d\d)(?::[A-Z][A-Z0-9]{0,15})?):[0-3]$/
const TRIES_MAX = 60
/** While events keep coming, the sums are accepted as equal only after this many looks. */
const LOOKS_MIN = 15
const BETWEEN_TRIES = { first_ms: 40, max_ms: 200 }
/** The largest lag at which the sums are compared; with more events than this, the check waits for the projection. */
const RECENT_MAX = 20_000

/** The numbers that one event adds to the sums of `keys`. */
type Share = {
  readonly id: string
  readonly seq: number
  readonly keys: readonly string[]
  readonly share: Sum
}
type Sums = Map<string, Sum>
/**
 * `off` is the amount by which each sum is too high. `is_still` means that no event was published or counted
 * meanwhile.
 */
type Look = { readonly sums: Sums; readonly off: Sums; readonly is_still: boolean }

/** The result: `equal`, `differ` (the differences are added to the run's), or `moving`, when neither could be shown. */
export type Verdict = 'equal' | 'differ' | 'moving'

const addTo = (sums: Sums, keys: readonly string[], share: Sum): void => {
  for (const key of keys) sums.set(key, plus(sums.get(key) ?? ZERO, share))
}

const sumIn = (item: RawItem): Sum =>
  Object.fromEntries(SUM_FIELDS.map(field => [field, wholeIn(item, field) ?? 0n])) as Record<SumField, bigint>

/** Compares the sums of one table with the walk's events. */
export class TotalsCheck {
  readonly #run: Run
  readonly #target: Target
  /** The sums of the events that the walk has folded. */
  readonly #folded: Sums = new Map()
  /** The sums that the table held when the scan read it. */
  readonly #scanned: Sums = new Map()
  /** The events after the place where the table was read: the table may have counted them or not. */
  #recent: Share[] = []
  /** The keys of the sums to which recent events belong. */
  readonly #moving = new Set<string>(['=all'])
  #is_read = false

  constructor(run: Run, target: Target) {
    this.#run = run
    this.#target = target
  }

  /** Takes the next event of the walk. */
  see(step: Step): void {
    const share = shareOf(step)
    if (share === undefined || step.id === undefined) return
    const keys = keysOf(step)
    addTo(this.#folded, keys, share)
    if (!this.#is_read) return
    this.#recent.push({ id: step.id, seq: step.entry.seq, keys, share })
    for (const key of keys) this.#moving.add(key)
  }

  /** Takes a sum that was found in the table. */
  take(item: RawItem): void {
    const id = item.id?.S ?? ''
    const key = SUM_ID.exec(id)?.[1]
    const unknown = Object.entries(item).find(
      ([name]) =>
        name !== 'id' && (!SUM_FIELDS.includes(name as SumField) || wholeIn(item, name) === undefined),
    )
    if (key === undefined) {
      this.#run.differences.add({ where: 'totals', kind: 'stray', id, detail: 'there is no such sum' })
    } else if (unknown !== undefined) {
      const is = unknown[1].N ?? unknown[1].S ?? JSON.stringify(unknown[1])
      this.#run.differences.add({ where: 'totals', kind: 'differs', id, field: unknown[0], is })
    }
    if (key !== undefined) addTo(this.#scanned, [key], sumIn(item))
  }

  /** Adds a difference for each of `fields` that is off. Returns whether there was one. */
  #report(key: string, actual: Sum, off: Sum, fields: readonly SumField[]): boolean {
    const wrong = fields.filter(name => off[name] !== 0n)
    for (const field of wrong) {
      const should_be = String(actual[field] - off[field])
      this.#run.differences.add({
        where: 'totals',
        kind: 'differs',
        id: key,
        field,
        is: String(actual[field]),
        should_be,
      })
    }
    return wrong.length > 0
  }

  async #readSums(keys: readonly string[]): Promise<Sums> {
    const ids = keys.flatMap(key => Array.from({ length: LANES }, (_, lane) => `${key}:${lane}`))
    const sums: Sums = new Map(keys.map(key => [key, ZERO]))
    for (const [id, item] of await readAll(this.#run, this.#target.table, ids)) {
      addTo(sums, [SUM_ID.exec(id)?.[1] ?? ''], sumIn(item))
    }
    return sums
  }

  /** The shares of the recent events that, according to the heads, the table has not counted yet. */
  async #uncounted(): Promise<Sums> {
    const ids = this.#recent.map(({ id }) => id)
    const heads = await readAll(this.#run, this.#target.table, ids)
    const countedSeq = (id: string): bigint => wholeIn(heads.get(id) ?? {}, 'seq') ?? 0n
    const sums: Sums = new Map()
    for (const { id, seq, keys, share } of this.#recent)
      if (BigInt(seq) > countedSeq(id)) addTo(sums, keys, share)
    return sums
  }

  /**
   * Reads the sums that may move, and computes how far each is off; undefined when the projection is too far behind.
   */
  async #look(walk: Walk): Promise<Look | undefined> {
    const acked = await ackedSeq(this.#run, this.#target)
    await walk.to(await lastSeq(this.#run))
    this.#recent = this.#recent.filter(({ seq }) => seq > acked)
    if (this.#recent.length > RECENT_MAX) return undefined
    const uncounted = await this.#uncounted()
    const keys = [...this.#moving]
    const sums = await this.#readSums(keys)
    const is_still = acked >= walk.place() && (await lastSeq(this.#run)) === walk.place()
    const off = new Map(
      keys.map(key => {
        const should_be = minus(this.#folded.get(key) ?? ZERO, uncounted.get(key) ?? ZERO)
        return [key, minus(sums.get(key) ?? ZERO, should_be)]
      }),
    )
    return { sums, off, is_still }
  }

  /** Compares the sums to which no event belongs since the table was read. */
  #compareStill(keys: readonly string[]): void {
    for (const key of keys) {
      const actual = this.#scanned.get(key) ?? ZERO
      this.#report(key, actual, minus(actual, this.#folded.get(key) ?? ZERO), SUM_FIELDS)
    }
  }

  /** The verdict that a look proves; undefined when it proves none. */
  #judge({ sums, off, is_still }: Look): Verdict | undefined {
    let is_wrong = false
    for (const [key, by] of off) {
      const fields = is_still ? SUM_FIELDS : GROWING.filter(name => by[name] < 0n)
      is_wrong = this.#report(key, sums.get(key) ?? ZERO, by, fields) || is_wrong
    }
    if (is_wrong) return 'differ'
    return is_still ? 'equal' : undefined
  }

  async #compareMoving(walk: Walk): Promise<Verdict> {
    let has_been_equal = false
    for (let attempt = 1; attempt <= TRIES_MAX && !this.#run.signal.aborted; attempt += 1) {
      const look = await this.#look(walk)
      const verdict = look && this.#judge(look)
      if (verdict !== undefined) return verdict
      if (look !== undefined && [...look.off.values()].every(isZero)) has_been_equal = true
      if (has_been_equal && attempt >= LOOKS_MIN) return 'equal'
      await pause(BETWEEN_TRIES, attempt, this.#run.signal)
    }
    return 'moving'
  }

  /** Notes that the table is about to be read: it may have counted events from here on, or not. */
  beginReading(): void {
    this.#is_read = true
  }

  /** Compares every sum, and continues the walk for as long as that needs. Throws `CannotVerify`. */
  async compare(walk: Walk): Promise<Verdict> {
    const { differences } = this.#run
    await walk.to(await lastSeq(this.#run))
    const before = differences.count('totals')
    const keys = new Set([...this.#folded.keys(), ...this.#scanned.keys()])
    this.#compareStill([...keys].filter(key => !this.#moving.has(key)))
    const verdict = await this.#compareMoving(walk)
    return differences.count('totals') > before ? 'differ' : verdict
  }
}
