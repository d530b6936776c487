/**
 * Composes the role `operations` from the configuration of a process.
 */

import { operationsEndpoints } from '../operations/endpoints.js'
import { createReplays, type Replays } from '../operations/replays.js'
import { createCallerOf } from '../service/callers.js'
import type { EndpointConfig } from '../service/config.js'
import { callersOf } from './config.js'
import { askMembers } from './members.js'
import type { Ledger } from './open-ledger.js'

export type Operations = { readonly endpoints: readonly EndpointConfig[] } & Pick<Replays, 'stop'>

/** Makes the endpoints for operators on an open ledger. */
export const startOperationsRole = ({ config, ...ledger }: Ledger): Operations => {
  const deps = {
    ...ledger,
    base_table: config.DDB_TABLE,
    journal: config.JETLEDGER_JOURNAL,
    askServers: () => askMembers(ledger.nc, config.nats.urls),
    callerOf: createCallerOf(callersOf(config)),
  }
  const replays = createReplays(deps)
  return { endpoints: operationsEndpoints(deps, replays), stop: replays.stop }
}
