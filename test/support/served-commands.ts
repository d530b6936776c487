/**
 * The command side of one process as a service on a test's ledger, whose projection runs, with all that its answers need.
 */

import { WITHOUT_BOUND } from '../../src/commands/admission/admission.js'
import { createCoordinator, createHoldEnds, createTaker } from '../../src/commands/compose.js'
import { withHoldEnds } from '../../src/commands/ended-hold.js'
import { commandEndpoints } from '../../src/commands/endpoints/movements.js'
import { gated } from '../../src/commands/gate.js'
import { createJournalLookup } from '../../src/commands/idempotency/journal-lookup.js'
import { followKnownIds } from '../../src/commands/idempotency/known-ids.js'
import { createSchemaGate } from '../../src/commands/schema-gate.js'
import { TE } from '../../src/fp.js'
import { NO_SEALER, type Sealer } from '../../src/sealing/seal-command.js'
import { startService } from '../../src/service/service.js'
import { leadershipOf } from '../../src/stream/leadership.js'
import { tableName } from '../../src/tables/definition.js'
import { right, type TestLedger } from './ledger.js'

export type ServedCommands = { readonly stop: () => Promise<void> }

/** `sealer` seals the texts of what is written; without it they are stored as they come. */
export const startServedCommands = async (
  ledger: TestLedger,
  sealer: Sealer = NO_SEALER,
): Promise<ServedCommands> => {
  await right(leadershipOf(ledger.nc).prove())
  const known = followKnownIds(ledger)
  await known.begun(10_000)
  const table = tableName(ledger.base_table, 'ledger', 1)
  const source = { table: TE.right({ table, trust: () => undefined }), consumer: TE.right('ledger') }
  const journal = createJournalLookup(ledger, source, { known })
  const limits = { queue_max: 1_000, timeout_ms: 3_000 }
  const coordinator = createCoordinator(ledger, { ...limits, find: journal.find, mayHave: known.mayHave })
  const taker = withHoldEnds(
    createTaker(ledger, coordinator, journal, limits, sealer),
    createHoldEnds(ledger, journal, source),
  )
  const service = await startService(ledger.nc, {
    name: 'customer',
    version: '0.0.1',
    description: 'customer service',
    log: ledger.log,
    endpoints: commandEndpoints(
      gated(taker, [createSchemaGate(ledger.jsm)]),
      ledger,
      { max_in_flight: 100, timeout_ms: 9_000 },
      journal,
      { ...WITHOUT_BOUND, sealer },
    ),
  })
  return {
    stop: async () => {
      await service.stop()
      await coordinator.stop()
      await known.stop()
    },
  }
}
