/**
 * Describes one generation of one projection: its table, its consumer, and the clients that it works with.
 */

import { consumerOf } from '../stream/consumer.js'
import { type ProjectionName, tableName } from '../tables/definition.js'
import type { Identity } from '../tables/identity.js'
import { isSavepoint } from '../tables/savepoints.js'
import type { ProjectionDeps } from './deps.js'
import type { Projection } from './projection.js'

export type Target = ProjectionDeps & {
  readonly projection: Projection
  readonly generation: number
  /** The table of this generation. */
  readonly table: string
  /** Called when a decision has come for which a parked customer waits. */
  readonly onDecided?: (() => void) | undefined
  /** The durable consumer of this generation. */
  readonly consumer: string
  /** The epoch that the table had when it was prepared; undefined before that. */
  readonly epoch?: string
}

/** The name of the durable consumer of a projection's generation. */
export const consumerName = (projection: ProjectionName, generation: number): string =>
  consumerOf(projection, generation)

/** Makes the target for a generation of `projection`. */
export const targetOf = (deps: ProjectionDeps, projection: Projection, generation: number): Target => ({
  ...deps,
  projection,
  generation,
  table: tableName(deps.base_table, projection.name, generation),
  consumer: consumerName(projection.name, generation),
})

/** Leaves out rows. Those that stay have no key of a transaction id, by which readers would take one row for all of that id. */
const onlySavepoints = (projection: Projection): Projection => ({
  ...projection,
  hasRow: isSavepoint,
  rowOf: applied => {
    const row = projection.rowOf(applied)
    return { ...row, id: row.instead_id }
  },
})

/** The target once its table is known to be of the epoch of `identity`: what the table keeps is what the identity says. */
export const withIdentity = (target: Target, { epoch, journal }: Identity): Target => ({
  ...target,
  epoch,
  projection: journal === undefined ? target.projection : onlySavepoints(target.projection),
})

/** The part of health that reports a projection. */
export const healthPart = ({ projection }: Pick<Target, 'projection'>): string =>
  `projection ${projection.name}`
