/**
 * Shards of the ranking: an index needs a partition key, and one partition for all customers takes 1,000 writes per
 * second at the most. So each customer belongs to one of a few, by a hash of its id, and a reader merges them.
 */

export const SHARDS = 8

/** The shard of a customer, `0` to `7`: FNV-1a over the id's characters, so it never changes. */
export const shardOf = (client_id: string): string => {
  let hash = 0x811c9dc5
  for (let i = 0; i < client_id.length; i += 1) {
    hash = Math.imul(hash ^ client_id.charCodeAt(i), 0x01000193)
  }
  return String((hash >>> 0) % SHARDS)
}
