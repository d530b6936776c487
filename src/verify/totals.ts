/**
 * The sums of the totals table against the stream.
 *
 * A sum moves together with the heads of the customers that it counts, so the heads say which events are in the sums.
 * While a service is at work nobody can read both at one moment; so first the heads are read and then the sums. What
 * the heads count has then to be in the sums, and a sum that is lower is wrong for certain, whatever else goes on. One
 * that is higher may hold an event that came in between: it is looked at again, some times, until it is equal or
 * nothing moves any more.
 */

import { pause } from '../back-off.js'
import type { RawItem } from '../tables/raw-items.js'
import type { Run } from './deps.js'
import { headId } from './heads.js'
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

/** Each sum is kept in up to so many items. */
const SHARDS = 8
const SUM_ID = /^(all|day:\d{4}-\d\d-\d\d):([0-7])$/
const TRIES_MAX = 60
/** While events keep coming, the sums have to be looked at so often before they are believed to be equal. */
const LOOKS_MIN = 15
const BETWEEN_TRIES = { first_ms: 40, max_ms: 200 }
/** Events that the projection may be behind by; it is waited for when there are more. */
const RECENT_MAX = 20_000

type Share = {
  readonly id: string
  readonly seq: number
  readonly keys: readonly string[]
  readonly share: Sum
}
type Sums = Map<string, Sum>
/** `off` is how much each sum is too high; `is_still`: nothing was published or counted meanwhile. */
type Look = { readonly sums: Sums; readonly off: Sums; readonly is_still: boolean }

/** `equal`, `differ` (told to the differences), or `moving`: nothing could be told. */
export type Verdict = 'equal' | 'differ' | 'moving'

const addTo = (sums: Sums, keys: readonly string[], share: Sum): void => {
  for (const key of keys) sums.set(key, plus(sums.get(key) ?? ZERO, share))
}

const sumIn = (item: RawItem): Sum =>
  Object.fromEntries(SUM_FIELDS.map(field => [field, wholeIn(item, field) ?? 0n])) as Record<SumField, bigint>

/** The comparison of one totals table. */
export class TotalsCheck {
  readonly #run: Run
  readonly #target: Target
  readonly #folded: Sums = new Map()
  /** The sums that the table held when it was read. */
  readonly #met: Sums = new Map()
  /** Events after the place where the table was read: they may be counted or not. */
  #recent: Share[] = []
  /** The sums that the recent events belong to. */
  readonly #moving = new Set<string>(['all'])
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

  /** Takes an item of the table that is no customer's head. */
  take(item: RawItem): void {
    const id = item.id?.S ?? ''
    const key = SUM_ID.exec(id)?.[1]
    const unknown = Object.entries(item).find(
      ([name]) =>
        name !== 'id' && (!SUM_FIELDS.includes(name as SumField) || wholeIn(item, name) === undefined),
    )
    if (key === undefined) {
      this.#run.differences.add({
        where: 'totals',
        kind: 'stray',
        id,
        detail: 'neither a customer nor a sum',
      })
    } else if (unknown !== undefined) {
      const is = unknown[1].N ?? unknown[1].S ?? JSON.stringify(unknown[1])
      this.#run.differences.add({ where: 'totals', kind: 'differs', id, field: unknown[0], is })
    }
    if (key !== undefined) addTo(this.#met, [key], sumIn(item))
  }

  /** Whether there was something to report. */
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
    const ids = keys.flatMap(key => Array.from({ length: SHARDS }, (_, shard) => `${key}:${shard}`))
    const sums: Sums = new Map(keys.map(key => [key, ZERO]))
    for (const [id, item] of await readAll(this.#run, this.#target.table, ids)) {
      addTo(sums, [SUM_ID.exec(id)?.[1] ?? ''], sumIn(item))
    }
    return sums
  }

  /** What of the this.#folded sums the heads say is not counted yet. */
  async #uncounted(): Promise<Sums> {
    const ids = [...new Set(this.#recent.map(({ id }) => headId('totals', id)))]
    const heads = await readAll(this.#run, this.#target.table, ids)
    const counted = (id: string): bigint => wholeIn(heads.get(headId('totals', id)) ?? {}, 'seq') ?? 0n
    const sums: Sums = new Map()
    for (const { id, seq, keys, share } of this.#recent)
      if (BigInt(seq) > counted(id)) addTo(sums, keys, share)
    return sums
  }

  /** One look at the sums that may move: how far each is off. */
  async #look(walk: Walk): Promise<Look | undefined> {
    const acked = await ackedSeq(this.#run, this.#target)
    await walk.to(await lastSeq(this.#run))
    this.#recent = this.#recent.filter(({ seq }) => seq > acked)
    if (this.#recent.length > RECENT_MAX) return undefined
    const not_yet = await this.#uncounted()
    const keys = [...this.#moving]
    const sums = await this.#readSums(keys)
    const is_still = acked >= walk.place() && (await lastSeq(this.#run)) === walk.place()
    const off = new Map(
      keys.map(key => {
        const should_be = minus(this.#folded.get(key) ?? ZERO, not_yet.get(key) ?? ZERO)
        return [key, minus(sums.get(key) ?? ZERO, should_be)]
      }),
    )
    return { sums, off, is_still }
  }

  /** The sums of days that had no event since the table was read. */
  #compareStill(keys: readonly string[]): void {
    for (const key of keys) {
      const actual = this.#met.get(key) ?? ZERO
      this.#report(key, actual, minus(actual, this.#folded.get(key) ?? ZERO), SUM_FIELDS)
    }
  }

  /** Tells what a look proves; undefined when it proves nothing. */
  #judge({ sums, off, is_still }: Look): Verdict | undefined {
    let wrong = false
    for (const [key, by] of off) {
      const fields = is_still ? SUM_FIELDS : GROWING.filter(name => by[name] < 0n)
      wrong = this.#report(key, sums.get(key) ?? ZERO, by, fields) || wrong
    }
    if (wrong) return 'differ'
    return is_still ? 'equal' : undefined
  }

  async #compareMoving(walk: Walk): Promise<Verdict> {
    let seen_equal = false
    for (let attempt = 1; attempt <= TRIES_MAX && !this.#run.signal.aborted; attempt += 1) {
      const seen = await this.#look(walk)
      const verdict = seen && this.#judge(seen)
      if (verdict !== undefined) return verdict
      if (seen !== undefined && [...seen.off.values()].every(isZero)) seen_equal = true
      if (seen_equal && attempt >= LOOKS_MIN) return 'equal'
      await pause(BETWEEN_TRIES, attempt, this.#run.signal)
    }
    return 'moving'
  }

  /** The table is going to be read: events from here on may be counted or not. */
  beginReading(): void {
    this.#is_read = true
  }

  /** Compares every sum; goes on with the walk as far as it has to. */
  async compare(walk: Walk): Promise<Verdict> {
    const { differences } = this.#run
    await walk.to(await lastSeq(this.#run))
    const before = differences.count('totals')
    const keys = new Set([...this.#folded.keys(), ...this.#met.keys()])
    this.#compareStill([...keys].filter(key => !this.#moving.has(key)))
    const verdict = await this.#compareMoving(walk)
    return differences.count('totals') > before ? 'differ' : verdict
  }
}
