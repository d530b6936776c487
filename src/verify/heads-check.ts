/**
 * Compares the customers' items of every table with the fold.
 *
 * An item may be ahead of the fold, because a service is at work. Then it waits here until the walk comes to exactly
 * the event at which it was written, and is compared there.
 */

import type { RawItem } from '../tables/batch-get.js'
import { heldOf } from './account.js'
import type { Run } from './deps.js'
import { NO_EVENTS, positionOf, type Standing } from './fold.js'
import { fnv1a } from './hash.js'
import { compareItem, type Expected, wholeIn } from './item.js'
import { rulesTextOf } from './rules-text.js'
import { readAll } from './scan.js'
import type { Projection, Target } from './target.js'
import type { Step, Walk } from './walk.js'

const RANKING_SHARDS = 8

/** The prefix of a head's id in each table. */
const prefixOf = (projection: Projection): string =>
  projection === 'journal' || projection === 'totals' ? 'account:' : ''

/** Whether an item is a customer's head and not one of the table's other items. */
export const isHead = (projection: Projection, id: string): boolean => id.startsWith(prefixOf(projection))

/** The id of a customer's head. */
export const headId = (projection: Projection, client_id: string): string => prefixOf(projection) + client_id

/** The first time at which one of the customer's holds is gone; undefined without holds. */
const firstEndOf = (terms: Standing['terms']): number | undefined =>
  terms === undefined || terms.holds.size === 0
    ? undefined
    : Math.min(...[...terms.holds.values()].map(({ expires_ms }) => expires_ms))

/** The shards of an asset have its name before their number. */
const shardOf = (id: string): string => {
  const asset = id.split('/')[1]
  const number = fnv1a(id) % RANKING_SHARDS
  return asset === undefined ? String(number) : `${asset}:${number}`
}

const expectedOf = (projection: Projection, id: string, { balance, terms, ...rest }: Standing): Expected => ({
  [projection === 'balances' ? 'client_balance' : 'balance']: balance,
  ...rest,
  ...(terms === undefined ? {} : { account_rules: rulesTextOf(terms), held: heldOf(terms) }),
  ...(projection === 'ranking' ? { shard: shardOf(id), expires_ms: firstEndOf(terms) } : {}),
})

const itemPosition = (item: RawItem): number =>
  Number(
    [wholeIn(item, 'seq') ?? 0n, wholeIn(item, 'parked_last_seq') ?? 0n].reduce((a, b) => (a > b ? a : b)),
  )

/** An item that is ahead of the walk; `position` is the event at which it was written. */
type Ahead = { readonly target: Target; readonly item: RawItem; readonly position: number }

export const createHeadsCheck = (run: Run, walk: Walk) => {
  const { differences } = run
  const ahead = new Map<string, Ahead[]>()
  let compared = 0

  const compare = ({ projection }: Target, id: string, item: RawItem, standing: Standing): void => {
    const about = { where: projection, id, seq: positionOf(standing) }
    compareItem(differences, about, item, expectedOf(projection, id, standing))
  }

  const reportStray = ({ projection }: Target, id: string, item: RawItem): void => {
    const seq = itemPosition(item)
    differences.add({ where: projection, kind: 'stray', id, seq, detail: 'the stream has no such customer' })
  }

  const reportLost = ({ target, item, position }: Ahead, id: string): void => {
    const detail = 'the stream has no such event, or it did not move this customer'
    const about = { where: target.projection, kind: 'differs', id, field: 'seq' } as const
    if (walk.customers.has(id)) differences.add({ ...about, is: String(position), detail })
    else reportStray(target, id, item)
  }

  /** Compares a head that was just read with the walk's present state. Returns the customer's id. */
  const take = (target: Target, item: RawItem): string => {
    const id = (item.id?.S ?? '').slice(prefixOf(target.projection).length)
    compared += 1
    const position = itemPosition(item)
    const standing = walk.customers.get(id)
    if (position > walk.place()) ahead.set(id, [...(ahead.get(id) ?? []), { target, item, position }])
    else if (standing === undefined) reportStray(target, id, item)
    else compare(target, id, item, standing)
    return id
  }

  /** Takes the customers whose head was not found in the table, and reads each head once more before it is reported. */
  const takeMissing = async (target: Target, ids: readonly string[]): Promise<void> => {
    const { projection, table } = target
    const items = await readAll(
      run,
      table,
      ids.map(id => headId(projection, id)),
    )
    for (const id of ids) {
      const item = items.get(headId(projection, id))
      const { balance, version, seq } = walk.customers.get(id) ?? NO_EVENTS
      const detail = `should have balance ${balance}, version ${version}, seq ${seq}`
      if (item !== undefined) take(target, item)
      else differences.add({ where: projection, kind: 'missing', id, seq, detail })
    }
  }

  return {
    take,
    takeMissing,
    /** Takes every event that the walk folds after the heads were read. */
    see: ({ id, after }: Step): void => {
      const waiting = id === undefined ? undefined : ahead.get(id)
      if (id === undefined || waiting === undefined) return
      const here = positionOf(after)
      for (const { target, item } of waiting.filter(({ position }) => position === here)) {
        compare(target, id, item, after)
      }
      for (const other of waiting.filter(({ position }) => position < here)) reportLost(other, id)
      const rest = waiting.filter(({ position }) => position > here)
      if (rest.length === 0) ahead.delete(id)
      else ahead.set(id, rest)
    },
    /** The last event at which a head that is ahead of the walk was written; 0 without such a head. */
    aheadSeq: (): number =>
      [...ahead.values()].flat().reduce((max, { position }) => Math.max(max, position), 0),
    /** Reports the heads whose event never came. */
    end: (): void => {
      for (const [id, waiting] of ahead) for (const each of waiting) reportLost(each, id)
      ahead.clear()
    },
    compared: () => compared,
  }
}
