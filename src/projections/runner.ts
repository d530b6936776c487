/**
 * Runs a projection in the background until it is stopped; after an error it starts again.
 *
 * Any number of instances may run. The consumer's pinned client is active and the others stand by, but correctness does
 * not depend on that (docs/adr/0003). When the pointer is flipped to another generation, the runner follows it.
 */

import { pause } from '../back-off.js'
import { run } from '../fp.js'
import { readPointer } from '../generations/pointer.js'
import { NEWEST_SCHEMA } from '../ledger/event.js'
import type { Identity } from '../tables/identity.js'
import { journalOf } from '../tables/savepoints.js'
import { BACK_OFF, consume } from './consume.js'
import type { ProjectionDeps } from './deps.js'
import { reportLag } from './lag-report.js'
import { prepare } from './prepare.js'
import type { Projection } from './projection.js'
import { reportSums } from './refold.js'
import { resumeParked } from './resume.js'
import { healthPart, type Target, targetOf, withIdentity } from './target.js'
import { createWake, type Wake } from './wake.js'
import { walk } from './walk.js'
import { watch } from './watch.js'

export type Projector = {
  /** Ends consuming after the batch in hand. Resolves when all work has ended. */
  readonly stop: () => Promise<void>
}

/**
 * Resumes parked customers beside the projector: very many may be parked, and other customers shall not wait for
 * them.
 */
const resumeUntilDone = async (target: Target, wake: Wake, signal: AbortSignal): Promise<void> => {
  for (let attempt = 1; !signal.aborted; attempt += 1) {
    try {
      await resumeParked(target, target.newest_schema ?? NEWEST_SCHEMA, signal)
      attempt = 0
      await wake.next(signal)
    } catch (thrown) {
      target.log.warn({ err: thrown }, 'parked customers could not be taken up; it is tried again')
      await pause(BACK_OFF, attempt, signal)
    }
  }
}

/** Says that the table has other rows than the configuration wants. */
const reportJournal = ({ table, journal: wanted, log }: Target, identity: Identity): void => {
  const journal = journalOf(identity)
  if (journal === wanted) return
  const message =
    'the table goes on with the rows that it was begun with: "jetledger replay" begins another one'
  log.warn({ table, journal, wanted }, message)
}

/** Runs one generation until another one is active, its consumer fails, or `signal` aborts. */
const runGeneration = async (target: Target, signal: AbortSignal): Promise<void> => {
  const ending = new AbortController()
  const either_signal = AbortSignal.any([signal, ending.signal])
  const prepared = await prepare(target, either_signal)
  if (prepared === undefined) return
  reportSums(target, prepared.identity)
  reportJournal(target, prepared.identity)
  const wake = createWake()
  const prepared_target: Target = { ...withIdentity(target, prepared.identity), onDecided: wake.call }
  const resuming = resumeUntilDone(prepared_target, wake, either_signal)
  const watching = watch(prepared_target, either_signal).then(() => ending.abort())
  const walking = walk(prepared_target, either_signal)
  try {
    await consume(prepared_target, prepared.consumer, either_signal)
  } finally {
    ending.abort()
    await Promise.all([resuming, watching, walking])
  }
}

const superviseUntil = async (
  deps: ProjectionDeps,
  projection: Projection,
  signal: AbortSignal,
): Promise<void> => {
  /** The last error that was logged: while it lasts, health says it, and a line at each try would say nothing new. */
  let told: string | undefined
  for (let attempt = 1; !signal.aborted; attempt += 1) {
    const began_ms = performance.now()
    try {
      const { generation } = await run(readPointer(deps.jsm, projection.name))
      await runGeneration(targetOf(deps, projection, generation), signal)
    } catch (thrown) {
      if (signal.aborted) break
      const message = thrown instanceof Error ? thrown.message : String(thrown)
      deps.health.report(healthPart({ projection }), 'down', message)
      const level = message === told ? 'debug' : 'error'
      deps.log[level]({ err: thrown, projection: projection.name }, 'the projector starts again')
      told = message
    }
    // it worked for a while, so its end is a new problem and not the old one again
    if (performance.now() - began_ms > BACK_OFF.max_ms) attempt = 1
    await pause(BACK_OFF, attempt, signal)
  }
}

/** Starts a projection in the background. It ends only with `stop`. */
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
