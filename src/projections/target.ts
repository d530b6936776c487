/**
 * One generation of one projection, as it stands somewhere: its table, its consumer, and what it works with.
 */

import { consumerOf } from '../stream/consumer.js'
import { type ProjectionName, tableName } from '../tables/definition.js'
import type { ProjectionDeps } from './deps.js'
import type { Projection } from './projection.js'

export type Target = ProjectionDeps & {
  readonly projection: Projection
  readonly generation: number
  /** The base name of all tables (`DDB_TABLE`). */
  readonly base: string
  /** The table of this generation. */
  readonly table: string
  /** Told when a decision has come that a parked customer waits for. */
  readonly onDecided?: (() => void) | undefined
  /** The durable consumer of this generation. */
  readonly consumer: string
  /** The epoch of the table that is at work on; undefined where nobody reads the table yet. */
  readonly epoch?: string
}

/** The durable consumer of a projection's generation. */
export const consumerName = (projection: ProjectionName, generation: number): string =>
  consumerOf(projection, generation)

/** A generation of `projection` over the ledger of `deps`, whose `table` is the base name. */
export const targetOf = (deps: ProjectionDeps, projection: Projection, generation: number): Target => ({
  ...deps,
  projection,
  generation,
  base: deps.table,
  table: tableName(deps.table, projection.name, generation),
  consumer: consumerName(projection.name, generation),
})

/** The part of health that tells of a projection. */
export const healthPart = ({ projection }: Pick<Target, 'projection'>): string =>
  `projection ${projection.name}`
