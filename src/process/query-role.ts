/**
 * Composes the role `queries` from the configuration of a process.
 */

import { type Queries, startQueries } from '../queries/queries.js'
import { createOpenTexts } from '../sealing/open-texts.js'
import { serverNow } from '../stream/server-clock.js'
import type { ActiveTables } from './active-tables.js'
import type { Config } from './config.js'
import type { Ledger } from './open-ledger.js'
import { proveEvents } from './prove-events.js'

const TIMEOUT_MS = 4_000

/** Starts the query side of a process on an open ledger. */
export const startQueryRole = ({ config, ...ledger }: Ledger, tables: ActiveTables): Promise<Queries> => {
  return startQueries(
    {
      ...ledger,
      active: tables.now,
      activeWhole: tables.nowWhole,
      prove: proveEvents(ledger),
      open: createOpenTexts(ledger),
      now: () => serverNow(ledger.nc),
    },
    { hot_customers_max: config.JETLEDGER_HOT_CUSTOMERS, limits: limitsOf(config) },
  )
}

const limitsOf = (config: Config) => () => ({
  max_in_flight: config.JETLEDGER_MAX_IN_FLIGHT,
  timeout_ms: TIMEOUT_MS,
})
