/**
 * Brings the hashes of many ids into the order of their places in the filter.
 *
 * A large filter does not fit into the caches of a processor. Ids in the order of time go to a place of their own each, and wait
 * for the memory each time, which takes several times as long as the work.
 */

import type { IdChunk } from '../../known-ids/id-chunk.js'
import type { IdHash } from '../../known-ids/id-hash.js'

/** The hashes are in order by so many of the highest bits of their low words. */
const BITS = 12
const BUCKETS = 2 ** BITS
const SHIFT = 32 - BITS

const forEachHash = (chunks: readonly IdChunk[], take: (hash: IdHash) => void): void => {
  const hash: IdHash = { low: 0, high: 0 }
  for (const chunk of chunks) {
    for (let seq = chunk.first_seq; seq <= chunk.last_seq; seq += 1) if (chunk.read(seq, hash)) take(hash)
  }
}

/** The hashes of all ids of the chunks, in pairs of a low and a high word. */
export const sortedHashes = (chunks: readonly IdChunk[]): Uint32Array => {
  const starts = new Uint32Array(BUCKETS + 1)
  forEachHash(chunks, ({ low }) => {
    const next = (low >>> SHIFT) + 1
    starts[next] = (starts[next] ?? 0) + 1
  })
  for (let bucket = 1; bucket <= BUCKETS; bucket += 1)
    starts[bucket] = (starts[bucket] ?? 0) + (starts[bucket - 1] ?? 0)
  const words = new Uint32Array(2 * (starts[BUCKETS] ?? 0))
  forEachHash(chunks, ({ low, high }) => {
    const bucket = low >>> SHIFT
    const place = starts[bucket] ?? 0
    starts[bucket] = place + 1
    words[2 * place] = low
    words[2 * place + 1] = high
  })
  return words
}
