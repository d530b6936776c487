/**
 * Runs the projections of a process on clients that somebody else made: those of the process, or of a thread of its own.
 */

import { PROJECTIONS } from '../projections/definitions/ledger.js'
import type { ProjectionDeps } from '../projections/deps.js'
import { startProjector } from '../projections/runner.js'
import { PROJECTION_NAMES } from '../tables/definition.js'
import type { Config } from './config.js'
import { watchConfigWrites } from './config-writes.js'
import { startHeads } from './sign-heads.js'

/** A part of a process that runs until it is stopped. */
export type RunningPart = { readonly stop: () => Promise<void> }

/** Starts a projector for every projection, what signs heads of the ledger, and what counts writes to its bucket. */
export const runProjections = (
  config: Config,
  clients: Omit<ProjectionDeps, 'base_table' | 'journal'>,
): RunningPart => {
  const heads = startHeads(config, clients)
  const writes = watchConfigWrites(clients)
  const deps = { ...clients, base_table: config.DDB_TABLE, journal: config.JETLEDGER_JOURNAL }
  const projectors = PROJECTION_NAMES.map(name => startProjector(deps, PROJECTIONS[name]))
  return {
    stop: async () => {
      await Promise.all([heads, writes, ...projectors].map(part => part?.stop()))
    },
  }
}
