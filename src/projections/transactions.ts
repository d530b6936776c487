/**
 * Packs the parts of one level into as few transactions as they fit in. Pure.
 */

import type { Transaction } from '../tables/transact.js'
import { fits, merge, newPart, type Part } from './pending.js'

/** Merges parts into parts of up to 100 items. `parts` share no customer, so the merged parts share none either. */
export const pack = (parts: readonly Part[]): Part[] => {
  const packed: Part[] = []
  let current: Part | undefined
  for (const part of parts) {
    if (current === undefined || !fits(current, part)) {
      current = newPart(part.level)
      packed.push(current)
    }
    merge(current, part)
  }
  return packed
}

/** Makes the transaction that writes a part. Sums are kept by lane, so that two lanes never write the same item. */
export const transactionOf = ({ heads, inserts, additions, mark }: Part, lane: number): Transaction => ({
  heads: [...heads].map(([id, { from, to }]) => ({ id, from, to })),
  inserts,
  additions: new Map([...additions].map(([key, numbers]) => [`${key}:${lane}`, numbers])),
  mark,
})
