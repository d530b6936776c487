/**
 * Runs the balances projection in the background: for ever, whatever happens.
 *
 * Any number of instances may run. The consumer's pinned client is active and the others stand by; correctness does
 * not hang on it (docs/adr/0003).
 */

import type { Consumer } from '@nats-io/jetstream'
import { pause } from '../back-off.js'
import { NEWEST_SCHEMA } from '../ledger/event.js'
import { dropConsumer, ensureConsumer } from '../stream/consumer.js'
import { createBalancesTable, tableExists } from '../tables/provision.js'
import { BACK_OFF, consume } from './consume.js'
import type { ProjectionDeps } from './deps.js'
import { BALANCES } from './names.js'
import { run } from './outcome.js'
import { resumeParked } from './resume.js'

export type Projector = {
  /** Ends consuming after the batch in hand; resolves when nothing is under way any more. */
  readonly stop: () => Promise<void>
}

/** The table and the consumer that belong together: a new table is filled from sequence 1. */
const prepare = async (deps: ProjectionDeps): Promise<Consumer> => {
  if (!(await run(tableExists(deps.tables, deps.table)))) {
    // the consumer first: a crash in between must not leave a new table that nobody fills from the start
    await run(dropConsumer(deps.nc, BALANCES))
    await run(createBalancesTable(deps.tables, deps.table))
    deps.log.info({ table: deps.table }, 'created the balances table; it is filled from sequence 1')
  }
  return run(ensureConsumer(deps.nc, BALANCES))
}

/** Beside the projector, because very many customers may be parked and nobody else shall wait for them. */
const resumeUntilDone = async (deps: ProjectionDeps, signal: AbortSignal): Promise<void> => {
  for (let attempt = 1; !signal.aborted; attempt += 1) {
    try {
      return await resumeParked(deps, deps.newest_schema ?? NEWEST_SCHEMA, signal)
    } catch (thrown) {
      deps.log.warn({ err: thrown }, 'parked customers could not be taken up; it is tried again')
      await pause(BACK_OFF, attempt, signal)
    }
  }
}

const superviseUntil = async (deps: ProjectionDeps, signal: AbortSignal): Promise<void> => {
  let resuming: Promise<void> | undefined
  for (let attempt = 1; !signal.aborted; attempt += 1) {
    const began_ms = performance.now()
    try {
      const consumer = await prepare(deps)
      resuming ??= resumeUntilDone(deps, signal)
      await consume(deps, consumer, signal)
    } catch (thrown) {
      if (signal.aborted) break
      const message = thrown instanceof Error ? thrown.message : String(thrown)
      deps.health.report(`projection ${BALANCES}`, 'down', message)
      deps.log.error({ err: thrown }, 'the projector starts again')
    }
    // it worked for a while: what ended it is a new trouble, not the old one again
    if (performance.now() - began_ms > BACK_OFF.max_ms) attempt = 1
    await pause(BACK_OFF, attempt, signal)
  }
  await resuming
}

/** Starts the projector in the background; it ends with `stop` only. */
export const startProjector = (deps: ProjectionDeps): Projector => {
  const ending = new AbortController()
  deps.health.report(`projection ${BALANCES}`, 'down', 'starting')
  const ended = superviseUntil(deps, ending.signal)
  deps.log.info({ projection: BALANCES, table: deps.table }, 'projections: folding into the balances table')
  return {
    stop: async () => {
      ending.abort()
      await ended
    },
  }
}
