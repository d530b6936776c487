/**
 * Reads heads from a target's table, and makes sure that it is still the table that the target was prepared with.
 */

import { run } from '../fp.js'
import type { AccountId } from '../ledger/account-id.js'
import type { Customer } from '../ledger/fold.js'
import { chunksOf, inParallel } from '../parallel.js'
import { READ_KEYS_MAX, readHeads, readTrustedHeads } from '../tables/heads.js'
import { notOurs } from '../tables/identity.js'
import type { Target } from './target.js'

const REQUESTS_MAX = 4

const readPage = async (
  { tables, table, epoch }: Target,
  page: readonly AccountId[],
  folded_seq: number,
): Promise<ReadonlyMap<AccountId, Customer>> => {
  if (epoch === undefined) return run(readHeads(tables, table, page))
  const { heads } = await run(
    readTrustedHeads(tables, table, page, found =>
      found?.epoch === epoch && found.newest.seq >= folded_seq ? undefined : notOurs(table).message,
    ),
  )
  return heads
}

/**
 * Returns the heads of `ids` as the table has them. Throws `Failed`: `NotOurs` when the table has another epoch than
 * the target, or is behind `folded_seq`, up to which it once held everything.
 */
export const readHeadsOf = async (
  target: Target,
  ids: readonly AccountId[],
  folded_seq = 0,
): Promise<Map<AccountId, Customer>> => {
  const pages = await inParallel(REQUESTS_MAX, chunksOf(READ_KEYS_MAX, ids), page =>
    readPage(target, page, folded_seq),
  )
  return new Map(pages.flatMap(page => [...page]))
}
