/**
 * Keeps the heads of customers in memory between runs, so that a busy customer is not read again and again.
 *
 * A head may be kept only while every later event is folded here. The caller has to `clear` when there was a gap
 * (another instance went on in the meantime). If a head in memory is wrong all the same, the condition of its write
 * fails, and the head is read again. A head that was read is checked against the customer's subject before an event
 * is folded over it (`check.ts`).
 */

import { E } from '../fp.js'
import { type AccountId, accountOn } from '../ledger/account-id.js'
import type { Customer } from '../ledger/fold.js'
import { createLru } from '../lru.js'
import type { Recorded } from '../stream/recorded.js'
import { checkHeads } from './check.js'
import { customersIn } from './fold-run.js'
import { readHeadsOf } from './read-heads.js'
import type { Target } from './target.js'

/** The largest number of heads in memory, about 300 bytes each. */
const HEADS_MAX = 100_000

export type Heads = ReadonlyMap<AccountId, Customer>

export type HeadCache = {
  /**
   * Returns the heads of the customers of a run: those of `unwritten`, which an earlier run has folded and not yet written, and
   * the others from memory or from the table. The table has to hold everything up to `folded_seq`. Throws `Failed`.
   */
  readonly load: (
    records: readonly Recorded[],
    folded_seq: number,
    unwritten?: Heads,
  ) => Promise<Map<AccountId, Customer>>
  /** Keeps heads that were just written. */
  readonly keep: (written: Heads) => void
  /** Drops every head. */
  readonly clear: () => void
}

/** The first event of each customer in a run. */
const firstOf = (records: readonly Recorded[], ids: ReadonlySet<AccountId>): Map<AccountId, Recorded> => {
  const first = new Map<AccountId, Recorded>()
  if (ids.size === 0) return first
  for (const record of records) {
    const id = accountOn(record.subject)
    if (E.isRight(id) && ids.has(id.right) && !first.has(id.right)) first.set(id.right, record)
  }
  return first
}

export const createHeadCache = (target: Target): HeadCache => {
  const in_memory = createLru<AccountId, Customer>(HEADS_MAX)
  return {
    load: async (records, folded_seq, unwritten) => {
      const heads = new Map<AccountId, Customer>()
      const missing: AccountId[] = []
      for (const id of customersIn(records)) {
        const head = unwritten?.get(id) ?? in_memory.get(id)
        if (head === undefined) missing.push(id)
        else heads.set(id, head)
      }
      const from_table = await readHeadsOf(target, missing, folded_seq)
      const checked = await checkHeads(target, from_table, firstOf(records, new Set(missing)))
      for (const [id, head] of checked) heads.set(id, head)
      return heads
    },
    keep: written => {
      for (const [id, head] of written) in_memory.set(id, head)
    },
    clear: in_memory.clear,
  }
}
