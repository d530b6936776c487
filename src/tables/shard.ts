/**
 * The shards of the indexes over heads. An index needs a partition key, and one partition for all customers would take only 1,000
 * writes per second. So each customer belongs to one of a few shards, by a hash of its id, and a reader merges them.
 */

import { type AccountId, assetOf } from '../ledger/account-id.js'

export const SHARDS = 8

const nameOf = (asset: string | undefined, number: number): string =>
  asset === undefined ? String(number) : `${asset}:${number}`

/** The shards of an asset: `0` to `7` for the default one, `EUR:0` to `EUR:7` for another. */
export const shardsOf = (asset: string | undefined): readonly string[] =>
  Array.from({ length: SHARDS }, (_, number) => nameOf(asset, number))

/** The shard of an account: the FNV-1a hash of the id's characters, so it never changes. */
export const shardOf = (id: AccountId): string => {
  let hash = 0x811c9dc5
  for (let i = 0; i < id.length; i += 1) {
    hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193)
  }
  return nameOf(assetOf(id), (hash >>> 0) % SHARDS)
}
