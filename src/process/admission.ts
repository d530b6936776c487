/**
 * Starts the admission control of the role `commands`: it asks the servers how far the active generation of every
 * projection is, and the follower of the transaction ids how far that is.
 */

import { type Admission, startAdmission } from '../commands/admission/admission.js'
import { FOLLOWER, type ProjectionLags } from '../commands/admission/control.js'
import type { RunningKnownIds } from '../commands/idempotency/known-ids.js'
import { E, pipe, TE } from '../fp.js'
import { consumerName } from '../projections/target.js'
import { projectionLag } from '../stream/lag.js'
import { PROJECTION_NAMES, type ProjectionName } from '../tables/definition.js'
import type { ActiveTables } from './active-tables.js'
import type { Ledger } from './open-ledger.js'

/** The follower's bounds are its own, so this one is only for the times of the looks. */
const WITHOUT_PROJECTIONS_MS = 30_000

/** Admission by the bound `JETLEDGER_LAG_MAX_S` over the projections (0: they slow nobody), and over the follower in any case. */
export const startLedgerAdmission = (
  { nc, config, health, log }: Ledger,
  active: Pick<ActiveTables, 'generation'>,
  { lag }: Pick<RunningKnownIds, 'lag'>,
): Admission => {
  const bound_ms = config.JETLEDGER_LAG_MAX_S * 1_000
  const lagOf = (name: ProjectionName) =>
    pipe(
      active.generation,
      TE.map(generation => consumerName(name, generation)),
      TE.chain(consumer =>
        pipe(
          projectionLag(nc, consumer),
          TE.map(lag => [consumer, lag] as const),
        ),
      ),
    )
  const look = async (): Promise<ProjectionLags> => {
    const found = bound_ms === 0 ? [] : await Promise.all(PROJECTION_NAMES.map(name => lagOf(name)()))
    const of_follower = lag()
    // a projection that cannot be asked slows nobody
    return new Map([
      ...found.flatMap(one => (E.isRight(one) ? [one.right] : [])),
      ...(of_follower === undefined ? [] : [[FOLLOWER, of_follower] as const]),
    ])
  }
  return startAdmission({ bound_ms: bound_ms || WITHOUT_PROJECTIONS_MS, look, health, log })
}
