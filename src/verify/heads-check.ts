/**
 * Compares the customers' heads with the fold.
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
import type { Step, Walk } from './walk.js'

/** The number of shards by which the indexes over heads are partitioned. */
const SHARDS = 8

/** The first time at which one of the customer's holds is gone; undefined without holds. */
const firstEndOf = (terms: Standing['terms']): number | undefined =>
  terms === undefined || terms.holds.size === 0
    ? undefined
    : Math.min(...[...terms.holds.values()].map(({ expires_ms }) => expires_ms))

/** The shards of an asset have its name before their number. */
const shardOf = (id: string): string => {
  const asset = id.split('/')[1]
  const number = fnv1a(id) % SHARDS
  return asset === undefined ? String(number) : `${asset}:${number}`
}

const expectedOf = (id: string, { balance, terms, ...rest }: Standing): Expected => ({
  client_balance: balance,
  ...rest,
  ...(terms === undefined ? {} : { account_rules: rulesTextOf(terms), held: heldOf(terms) }),
  shard: shardOf(id),
  expires_ms: firstEndOf(terms),
})

const itemPosition = (item: RawItem): number =>
  Number(
    [wholeIn(item, 'seq') ?? 0n, wholeIn(item, 'parked_last_seq') ?? 0n].reduce((a, b) => (a > b ? a : b)),
  )

/** An item that is ahead of the walk; `position` is the event at which it was written. */
type Ahead = { readonly item: RawItem; readonly position: number }

export const createHeadsCheck = (run: Run, table: string, walk: Walk) => {
  const { differences } = run
  const ahead = new Map<string, Ahead>()
  let compared = 0

  const compare = (id: string, item: RawItem, standing: Standing): void => {
    const about = { where: 'balances', id, seq: positionOf(standing) } as const
    compareItem(differences, about, item, expectedOf(id, standing))
  }

  const reportStray = (id: string, item: RawItem): void => {
    const seq = itemPosition(item)
    differences.add({ where: 'balances', kind: 'stray', id, seq, detail: 'the stream has no such customer' })
  }

  const reportLost = ({ item, position }: Ahead, id: string): void => {
    const detail = 'the stream has no such event, or it did not move this customer'
    const about = { where: 'balances', kind: 'differs', id, field: 'seq' } as const
    if (walk.customers.has(id)) differences.add({ ...about, is: String(position), detail })
    else reportStray(id, item)
  }

  /** Compares a head that was just read with the walk's present state. Returns the customer's id. */
  const take = (item: RawItem): string => {
    const id = item.id?.S ?? ''
    compared += 1
    const position = itemPosition(item)
    const standing = walk.customers.get(id)
    if (position > walk.place()) ahead.set(id, { item, position })
    else if (standing === undefined) reportStray(id, item)
    else compare(id, item, standing)
    return id
  }

  /** Takes the customers whose head was not found in the table, and reads each head once more before it is reported. */
  const takeMissing = async (ids: readonly string[]): Promise<void> => {
    const items = await readAll(run, table, ids)
    for (const id of ids) {
      const item = items.get(id)
      const { balance, version, seq } = walk.customers.get(id) ?? NO_EVENTS
      const detail = `should have balance ${balance}, version ${version}, seq ${seq}`
      if (item !== undefined) take(item)
      else differences.add({ where: 'balances', kind: 'missing', id, seq, detail })
    }
  }

  return {
    take,
    takeMissing,
    /** Takes every event that the walk folds after the heads were read. */
    see: ({ id, after }: Step): void => {
      const waiting = id === undefined ? undefined : ahead.get(id)
      const here = positionOf(after)
      if (id === undefined || waiting === undefined || waiting.position > here) return
      if (waiting.position === here) compare(id, waiting.item, after)
      else reportLost(waiting, id)
      ahead.delete(id)
    },
    /** The last event at which a head that is ahead of the walk was written; 0 without such a head. */
    aheadSeq: (): number => [...ahead.values()].reduce((max, { position }) => Math.max(max, position), 0),
    /** Reports the heads whose event never came. */
    end: (): void => {
      for (const [id, waiting] of ahead) reportLost(waiting, id)
      ahead.clear()
    },
    compared: () => compared,
  }
}
