/**
 * The heads of customers, kept in memory between runs so that a busy one is not read again and again.
 *
 * They may be kept only while every event since was folded here: whoever is told of a gap (another instance went on
 * meanwhile) has to `clear`. A head that is wrong all the same is caught by the condition of its write, and is then read
 * again; a head that was read is checked against the customer's subject before anything is folded over it (`check.ts`).
 */

import { E } from '../fp.js'
import { type ClientId, clientIdOf } from '../ledger/client-id.js'
import type { Customer } from '../ledger/fold.js'
import type { Recorded } from '../stream/recorded.js'
import { checkHeads } from './check.js'
import { customersOf } from './fold-run.js'
import { readHeadsOf } from './read-heads.js'
import type { Target } from './target.js'

/** Of about 300 bytes each; beyond it all are forgotten and read again. */
const HEADS_MAX = 50_000

export type Heads = {
  /**
   * The heads of the customers of a run, from memory or from the table, which holds everything up to `folded_seq`. Throws
   * `Failed`.
   */
  readonly load: (records: readonly Recorded[], folded_seq: number) => Promise<Map<ClientId, Customer>>
  /** How they stand now that they are written. */
  readonly keep: (written: ReadonlyMap<ClientId, Customer>) => void
  readonly clear: () => void
}

/** The first event of each customer in a run. */
const firstOf = (records: readonly Recorded[], ids: ReadonlySet<ClientId>): Map<ClientId, Recorded> => {
  const first = new Map<ClientId, Recorded>()
  if (ids.size === 0) return first
  for (const record of records) {
    const id = clientIdOf(record.subject)
    if (E.isRight(id) && ids.has(id.right) && !first.has(id.right)) first.set(id.right, record)
  }
  return first
}

export const createHeads = (target: Target): Heads => {
  const known = new Map<ClientId, Customer>()
  return {
    load: async (records, folded_seq) => {
      const ids = customersOf(records)
      const missing = ids.filter(id => !known.has(id))
      const read = await readHeadsOf(target, missing, folded_seq)
      const checked = await checkHeads(target, read, firstOf(records, new Set(missing)))
      return new Map(
        ids.flatMap(id => {
          const head = known.get(id) ?? checked.get(id)
          return head === undefined ? [] : [[id, head]]
        }),
      )
    },
    keep: written => {
      if (known.size + written.size > HEADS_MAX) known.clear()
      for (const [id, head] of written) known.set(id, head)
    },
    clear: () => known.clear(),
  }
}
