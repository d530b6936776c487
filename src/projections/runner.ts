/**
 * Runs a projection in the background: for ever, whatever happens.
 *
 * Any number of instances may run. The consumer's pinned client is active and the others stand by; correctness does
 * not hang on it (docs/adr/0003). When the pointer is flipped to another generation, the runner follows it.
 */

import { pause } from '../back-off.js'
import { run } from '../fp.js'
import { readPointer } from '../generations/pointer.js'
import { NEWEST_SCHEMA } from '../ledger/event.js'
import { BACK_OFF, consume } from './consume.js'
import type { ProjectionDeps } from './deps.js'
import { reportLag } from './lag-report.js'
import { prepare } from './prepare.js'
import type { Projection } from './projection.js'
import { resumeParked } from './resume.js'
import { healthPart, type Target, targetOf } from './target.js'
import { createWake, type Wake } from './wake.js'
import { walk } from './walk.js'
import { watch } from './watch.js'

export type Projector = {
  /** Ends consuming after the batch in hand; resolves when nothing is under way any more. */
  readonly stop: () => Promise<void>
}

/** Beside the projector, because very many customers may be parked and nobody else shall wait for them. */
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

/** Works on one generation until it is not the active one any more, its consumer fails, or `signal` aborts. */
const live = async (target: Target, signal: AbortSignal): Promise<void> => {
  const ending = new AbortController()
  const both = AbortSignal.any([signal, ending.signal])
  const prepared = await prepare(target, both)
  if (prepared === undefined) return
  const wake = createWake()
  const ours: Target = { ...target, epoch: prepared.identity.epoch, onDecided: wake.call }
  const resuming = resumeUntilDone(ours, wake, both)
  const watching = watch(ours, both).then(() => ending.abort())
  const walking = walk(ours, both)
  try {
    await consume(ours, prepared.consumer, both)
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
