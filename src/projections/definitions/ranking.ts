/**
 * The ranking: every customer's head once more, spread over a few shards that are indexed by balance, by id, and by the
 * time at which the customer's next hold expires (`src/tables/shard.ts` says why).
 */

import { firstExpiryMs } from '../../ledger/rules.js'
import type { HeadShape } from '../../tables/heads.js'
import { shardOf } from '../../tables/shard.js'
import type { Projection } from '../projection.js'

const attributesOf: HeadShape['extra'] = (id, { rules }) => {
  const expires_ms = rules === undefined ? undefined : firstExpiryMs(rules)
  return { shard: shardOf(id), ...(expires_ms === undefined ? {} : { expires_ms }) }
}

export const ranking: Projection = {
  name: 'ranking',
  head: { prefix: '', balance: 'balance', extra: attributesOf },
  keeps_letters: false,
  linger_ms: 200,
}
