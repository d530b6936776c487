/**
 * Gathers in memory what a run is going to write, in parts of at most 100 items. Each part is written whole, in one
 * transaction.
 *
 * A customer's changes are merged, so its head is written once however many events it has. The two sides of a transfer
 * come into one part, together with everything that is tied to them. A full part is closed, and the next part of its
 * customers comes one level later. The parts of one level share no customer and may be written side by side. A level is
 * begun when the level before it is written. Pure.
 */

import type { AccountId } from '../ledger/account-id.js'
import type { Customer } from '../ledger/fold.js'
import type { ProgressMark } from '../tables/identity.js'
import { type Insert, WRITE_ITEMS_MAX } from '../tables/transact.js'
import type { Numbers } from './projection.js'

/** The change of a customer by one event, and the rows and sums that the event writes. */
export type EventEffect = {
  readonly id: AccountId
  readonly from: Customer
  readonly to: Customer
  readonly inserts: readonly Insert[]
  readonly additions: readonly (readonly [key: string, numbers: Numbers])[]
  /** The estimated size of the inserts in a request. */
  readonly bytes: number
}

export type Part = {
  readonly heads: Map<AccountId, { readonly from: Customer; to: Customer }>
  readonly inserts: Insert[]
  readonly additions: Map<string, Record<string, bigint>>
  bytes: number
  level: number
  /** The position of the table once this part is written; set only in the part that notes it. */
  mark?: ProgressMark | undefined
}

/** DynamoDB takes 100 items and 4 MB in one transaction; the mark in the table's identity counts as an item. */
export const ITEMS_MAX = WRITE_ITEMS_MAX
export const BYTES_MAX = 3 * 1024 * 1024

export const newPart = (level: number): Part => ({
  heads: new Map(),
  inserts: [],
  additions: new Map(),
  bytes: 0,
  level,
})

/** The number of items in two parts together; an item that both have counts once. */
const itemsOf = (a: Part, b: Part): number => {
  let items = a.heads.size + a.inserts.length + a.additions.size
  if (a.mark !== undefined || b.mark !== undefined) items += 1
  items += b.inserts.length
  for (const id of b.heads.keys()) if (!a.heads.has(id)) items += 1
  for (const key of b.additions.keys()) if (!a.additions.has(key)) items += 1
  return items
}

/** Whether two parts fit into one transaction. */
export const fits = (a: Part, b: Part): boolean =>
  a.bytes + b.bytes <= BYTES_MAX && itemsOf(a, b) <= ITEMS_MAX

const add = (sums: Map<string, Record<string, bigint>>, key: string, numbers: Numbers): void => {
  let sum = sums.get(key)
  for (const name in numbers) {
    // an event such as a limit changes no sum, and DynamoDB refuses an update without terms
    if (sum === undefined) {
      sum = {}
      sums.set(key, sum)
    }
    sum[name] = (sum[name] ?? 0n) + (numbers[name] ?? 0n)
  }
}

/** Adds everything in `from`, the later part, to `into`. */
export const merge = (into: Part, from: Part): void => {
  for (const [id, { from: before, to }] of from.heads) {
    into.heads.set(id, { from: into.heads.get(id)?.from ?? before, to })
  }
  for (const insert of from.inserts) into.inserts.push(insert)
  for (const [key, numbers] of from.additions) add(into.additions, key, numbers)
  into.bytes += from.bytes
  into.level = Math.max(into.level, from.level)
  into.mark = from.mark ?? into.mark
}

/** Whether all parts fit into one transaction; an item that several parts have is counted once for each. */
const fitTogether = (parts: readonly Part[]): boolean =>
  parts.reduce((items, part) => items + part.heads.size + part.inserts.length + part.additions.size, 0) <=
    ITEMS_MAX && parts.reduce((bytes, part) => bytes + part.bytes, 0) <= BYTES_MAX

/** Adds an effect, the latest one of its customer. */
const put = (part: Part, { id, from, to, inserts, additions, bytes }: EventEffect): void => {
  const head = part.heads.get(id)
  if (head === undefined) part.heads.set(id, { from, to })
  else head.to = to
  for (const insert of inserts) part.inserts.push(insert)
  for (const [key, numbers] of additions) add(part.additions, key, numbers)
  part.bytes += bytes
}

const partOf = (effects: readonly EventEffect[]): Part => {
  const part = newPart(0)
  for (const effect of effects) put(part, effect)
  return part
}

/** Whether an effect of one of its customers fits into a part. */
const hasRoomFor = (part: Part, { inserts, additions, bytes }: EventEffect): boolean => {
  let items = part.heads.size + part.inserts.length + part.additions.size + inserts.length
  if (part.mark !== undefined) items += 1
  for (const [key] of additions) if (!part.additions.has(key)) items += 1
  return part.bytes + bytes <= BYTES_MAX && items <= ITEMS_MAX
}

export type Pending = {
  /** Adds the effects of events that have to be written together. Calls have to come in stream order. */
  readonly add: (effects: readonly EventEffect[]) => void
  /** Returns the parts, level by level. */
  readonly levels: () => Part[][]
}

export const createPending = (): Pending => {
  const parts = new Set<Part>()
  /** The open part of each customer, which the customer's next change joins. */
  const open = new Map<AccountId, Part>()
  /** The level of each customer's last closed part. */
  const closed = new Map<AccountId, number>()

  const close = (part: Part): void => {
    for (const id of part.heads.keys()) {
      open.delete(id)
      closed.set(id, part.level)
    }
  }

  const begin = (part: Part): void => {
    for (const id of part.heads.keys()) {
      part.level = Math.max(part.level, 1 + (closed.get(id) ?? -1))
      open.set(id, part)
    }
    parts.add(part)
  }

  const joinAll = (joined: readonly Part[], added: Part): void => {
    const union = newPart(0)
    for (const part of [...joined, added]) merge(union, part)
    for (const part of joined) parts.delete(part)
    begin(union)
  }

  const addPart = (added: Part): void => {
    const joined = [...new Set([...added.heads.keys()].flatMap(id => open.get(id) ?? []))]
    const [only, ...others] = joined
    if (only === undefined) {
      begin(added)
    } else if (others.length === 0 && fits(only, added)) {
      merge(only, added)
      begin(only)
    } else if (fitTogether([...joined, added])) {
      joinAll(joined, added)
    } else {
      for (const part of joined) close(part)
      begin(added)
    }
  }

  return {
    add: effects => {
      const only = effects.length === 1 ? effects[0] : undefined
      const part = only === undefined ? undefined : open.get(only.id)
      // nearly all events are alone, and of a customer who has an open part: that costs no part of their own
      if (only !== undefined && part !== undefined && hasRoomFor(part, only)) put(part, only)
      else addPart(partOf(effects))
    },
    levels: () => {
      const levels: Part[][] = []
      for (const part of parts) {
        levels[part.level] ??= []
        levels[part.level]?.push(part)
      }
      return levels.filter(level => level !== undefined)
    },
  }
}

/** Returns the same levels, with one part added to the last level that notes `mark`. */
export const withMark = (levels: readonly (readonly Part[])[], mark: ProgressMark): (readonly Part[])[] => {
  const last = levels.at(-1) ?? []
  return [...levels.slice(0, -1), [...last, { ...newPart(last[0]?.level ?? 0), mark }]]
}
