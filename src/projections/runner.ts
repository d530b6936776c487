/**
 * Runs a projection in the background: for ever, whatever happens.
 *
 * Any number of instances may run. The consumer's pinned client is active and the others stand by; correctness does
 * not hang on it (docs/adr/0003). When the pointer is flipped to another generation, the runner follows it.
 */

import type { Consumer } from '@nats-io/jetstream'
import { pause } from '../back-off.js'
import { E } from '../fp.js'
import { NEWEST_SCHEMA } from '../ledger/event.js'
import { dropConsumer, ensureConsumer } from '../stream/consumer.js'
import { readPointer } from '../stream/generation.js'
import { TABLES } from '../tables/definition.js'
import { createTable, tableExists } from '../tables/provision.js'
import { BACK_OFF, consume } from './consume.js'
import type { ProjectionDeps } from './deps.js'
import { reportLag } from './lag-report.js'
import { run } from './outcome.js'
import type { Projection } from './projection.js'
import { resumeParked } from './resume.js'
import { healthPart, type Target, targetOf } from './target.js'

export type Projector = {
  /** Ends consuming after the batch in hand; resolves when nothing is under way any more. */
  readonly stop: () => Promise<void>
}

/** How often a runner looks whether its generation is still the active one. */
const LOOK_EVERY = { first_ms: 1_000, max_ms: 1_000 }

/** Whether this generation is active, or kept for a way back; one that is neither was removed, or is about to be. */
const isOurs = async ({ jsm, projection, generation }: Target): Promise<boolean> => {
  const pointer = await run(readPointer(jsm, projection.name))
  return pointer.generation === generation || pointer.previous === generation
}

/**
 * The table and the consumer that belong together: a new table is filled from sequence 1. Undefined when a replay has
 * removed both, while this process was held up: it asks after it has looked, so what is gone does not come back.
 */
const prepare = async (target: Target): Promise<Consumer | undefined> => {
  const { nc, tables, table, consumer, projection, log } = target
  if (!(await run(tableExists(tables, table)))) {
    if (!(await isOurs(target))) return undefined
    // the consumer first: a crash in between must not leave a new table that nobody fills from the start
    await run(dropConsumer(nc, consumer))
    await run(createTable(tables, table, TABLES[projection.name]))
    log.info({ projection: projection.name, table }, 'created a table; it is filled from sequence 1')
  }
  const made = await run(ensureConsumer(nc, consumer))
  if (await isOurs(target)) return made
  await run(dropConsumer(nc, consumer))
  return undefined
}

/** Beside the projector, because very many customers may be parked and nobody else shall wait for them. */
const resumeUntilDone = async (target: Target, signal: AbortSignal): Promise<void> => {
  for (let attempt = 1; !signal.aborted; attempt += 1) {
    try {
      return await resumeParked(target, target.newest_schema ?? NEWEST_SCHEMA, signal)
    } catch (thrown) {
      target.log.warn({ err: thrown }, 'parked customers could not be taken up; it is tried again')
      await pause(BACK_OFF, attempt, signal)
    }
  }
}

/** Resolves once another generation is active, or when `signal` aborts. */
const superseded = async ({ jsm, projection, generation }: Target, signal: AbortSignal): Promise<void> => {
  while (!signal.aborted) {
    await pause(LOOK_EVERY, 1, signal)
    const found = await readPointer(jsm, projection.name)()
    if (E.isRight(found) && found.right.generation !== generation) return
  }
}

/** Works on one generation until it is not the active one any more, its consumer fails, or `signal` aborts. */
const live = async (target: Target, signal: AbortSignal): Promise<void> => {
  const ending = new AbortController()
  const both = AbortSignal.any([signal, ending.signal])
  const consumer = await prepare(target)
  if (consumer === undefined) return
  const resuming = resumeUntilDone(target, both)
  const looking = superseded(target, both).then(() => ending.abort())
  try {
    await consume(target, consumer, both)
  } finally {
    ending.abort()
    await Promise.all([resuming, looking])
  }
}

const superviseUntil = async (
  deps: ProjectionDeps,
  projection: Projection,
  signal: AbortSignal,
): Promise<void> => {
  for (let attempt = 1; !signal.aborted; attempt += 1) {
    const began_ms = performance.now()
    try {
      const { generation } = await run(readPointer(deps.jsm, projection.name))
      await live(targetOf(deps, projection, generation), signal)
    } catch (thrown) {
      if (signal.aborted) break
      const message = thrown instanceof Error ? thrown.message : String(thrown)
      deps.health.report(healthPart({ projection }), 'down', message)
      deps.log.error({ err: thrown, projection: projection.name }, 'the projector starts again')
    }
    // it worked for a while: what ended it is a new trouble, not the old one again
    if (performance.now() - began_ms > BACK_OFF.max_ms) attempt = 1
    await pause(BACK_OFF, attempt, signal)
  }
}

/** Starts a projection in the background; it ends with `stop` only. */
export const startProjector = (deps: ProjectionDeps, projection: Projection): Projector => {
  const ending = new AbortController()
  deps.health.report(healthPart({ projection }), 'down', 'starting')
  const ended = Promise.all([
    superviseUntil(deps, projection, ending.signal),
    reportLag(deps, projection, ending.signal),
  ])
  deps.log.info({ projection: projection.name }, 'projections: folding the stream')
  return {
    stop: async () => {
      ending.abort()
      await ended
    },
  }
}
