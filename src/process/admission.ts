/**
 * Starts the admission control of the role `commands`: it asks the servers how far the active generation of every
 * projection is.
 */

import { type Admission, startAdmission } from '../commands/admission/admission.js'
import type { ProjectionLags } from '../commands/admission/control.js'
import { E, pipe, TE } from '../fp.js'
import { consumerName } from '../projections/target.js'
import { projectionLag } from '../stream/lag.js'
import { PROJECTION_NAMES, type ProjectionName } from '../tables/definition.js'
import type { ActiveTables } from './active-tables.js'
import type { Ledger } from './open-ledger.js'

/** Admission by the bound `JETLEDGER_LAG_MAX_S`, over the projections. */
export const startLedgerAdmission = (
  { nc, config, health, log }: Ledger,
  active: Pick<ActiveTables, 'generation'>,
): Admission => {
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
    const found = await Promise.all(PROJECTION_NAMES.map(name => lagOf(name)()))
    // a projection that cannot be asked slows nobody
    return new Map(found.flatMap(lag => (E.isRight(lag) ? [lag.right] : [])))
  }
  return startAdmission({ bound_ms: config.JETLEDGER_LAG_MAX_S * 1_000, look, health, log })
}
