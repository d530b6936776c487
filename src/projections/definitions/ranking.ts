/**
 * The ranking: every customer's head once more, spread over a few shards that are indexed by balance and by id
 * (`src/tables/shard.ts` says why).
 */

import { shardOf } from '../../tables/shard.js'
import type { Projection } from '../projection.js'

export const ranking: Projection = {
  name: 'ranking',
  head: { prefix: '', balance: 'balance', extra: id => ({ shard: shardOf(id) }) },
  keeps_letters: false,
  linger_ms: 200,
}
