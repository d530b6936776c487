/**
 * The shards of the ranking. An index needs a partition key, and one partition for all customers would take only 1,000
 * writes per second. So each customer belongs to one of a few shards, by a hash of its id, and a reader merges them.
 */

export const SHARDS = 8

/** The shard of a customer, `0` to `7`: the FNV-1a hash of the id's characters, so it never changes. */
export const shardOf = (client_id: string): string => {
  let hash = 0x811c9dc5
  for (let i = 0; i < client_id.length; i += 1) {
    hash = Math.imul(hash ^ client_id.charCodeAt(i), 0x01000193)
  }
  return String((hash >>> 0) % SHARDS)
}
