/**
 * The heads of customers, kept in memory between runs so that a busy one is not read again and again.
 *
 * They may be kept only while every event since was folded here: whoever is told of a gap (another instance went on
 * meanwhile) has to `clear`. A head that is wrong all the same is caught by the condition of its write.
 */

import type { ClientId } from '../ledger/client-id.js'
import type { Customer } from '../ledger/fold.js'
import { chunksOf, inParallel } from '../parallel.js'
import { READ_KEYS_MAX, readHeads } from '../tables/heads.js'
import { run } from './outcome.js'
import type { Target } from './target.js'

const REQUESTS_MAX = 4
/** Of about 300 bytes each; beyond it all are forgotten and read again. */
const HEADS_MAX = 50_000

export type Heads = {
  /** The heads of `ids`, from memory or from the table. Throws `ProjectionFailure`. */
  readonly load: (ids: readonly ClientId[]) => Promise<Map<ClientId, Customer>>
  /** How they stand now that they are written. */
  readonly keep: (written: ReadonlyMap<ClientId, Customer>) => void
  readonly clear: () => void
}

export const createHeads = ({ tables, table, projection }: Target): Heads => {
  const known = new Map<ClientId, Customer>()
  return {
    load: async ids => {
      const missing = ids.filter(id => !known.has(id))
      const pages = await inParallel(REQUESTS_MAX, chunksOf(READ_KEYS_MAX, missing), page =>
        run(readHeads(tables, table, projection.head, page)),
      )
      const read = new Map(pages.flatMap(page => [...page]))
      return new Map(
        ids.flatMap(id => {
          const head = known.get(id) ?? read.get(id)
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
