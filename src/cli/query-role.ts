/**
 * Composes the role `queries`.
 */

import type { Active } from '../queries/deps.js'
import { type Queries, startQueries } from '../queries/queries.js'
import type { Config } from './config.js'
import type { Ledger } from './roles.js'

const TIMEOUT_MS = 4_000

/** Starts the query side of a process on an open ledger. */
export const startQueryRole = ({ config, ...ledger }: Ledger): Promise<Queries> => {
  const firstGeneration = (projection: string, suffix: string) => (): Active => ({
    table: config.DDB_TABLE + suffix,
    consumer: projection,
  })
  return startQueries(
    {
      ...ledger,
      active: {
        balances: firstGeneration('balances', ''),
        journal: firstGeneration('journal', '-journal'),
        ranking: firstGeneration('ranking', '-ranking'),
        totals: firstGeneration('totals', '-totals'),
      },
    },
    { hot_customers_max: config.JETLEDGER_HOT_CUSTOMERS, limits: limitsOf(config) },
  )
}

const limitsOf = (config: Config) => () => ({
  max_in_flight: config.JETLEDGER_MAX_IN_FLIGHT,
  timeout_ms: TIMEOUT_MS,
})
