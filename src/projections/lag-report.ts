/**
 * Logs how far a projection is behind the stream: when it has caught up or fallen behind, and once a minute as a
 * figure that alarms watch (`infra/watch/alarms.ts`).
 *
 * A projector that is stuck cannot report that about itself. So every instance asks the servers each time, for as
 * long as it runs, whether it is the active one or not and whatever state its consumers are in. When the servers do
 * not answer, no figure is logged, and the alarm treats that as bad.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { E, pipe, TE } from '../fp.js'
import { readPointer } from '../generations/pointer.js'
import { type Lag, projectionLag } from '../stream/lag.js'
import type { ProjectionDeps } from './deps.js'
import type { Projection } from './projection.js'
import { consumerName } from './target.js'

/** `look_ms` is the time between two questions to the servers, `log_ms` between two figures in the log. */
export type ReportPace = { readonly look_ms: number; readonly log_ms: number }
const PACE: ReportPace = { look_ms: 5_000, log_ms: 60_000 }
/** A projection that is behind by more than this is reported; a burst of events stays below it. */
const BEHIND_MS = 10_000

/** Reports the lag until `signal` aborts. */
export const reportLag = async (
  { nc, jsm, log }: Pick<ProjectionDeps, 'nc' | 'jsm' | 'log'>,
  { name: projection }: Pick<Projection, 'name'>,
  signal: AbortSignal,
  { look_ms, log_ms }: ReportPace = PACE,
): Promise<void> => {
  let is_behind: boolean | undefined
  let logged_ms = performance.now()

  const noteChange = ({ lag_events, lag_ms }: Lag): void => {
    const facts = { projection, lag_events, lag_ms }
    if (lag_events === 0 && is_behind !== false) {
      is_behind = false
      log.info(facts, 'the projection has caught up')
    } else if (lag_ms > BEHIND_MS && is_behind !== true) {
      is_behind = true
      log.warn(facts, 'the projection has fallen behind')
    }
  }

  const look = pipe(
    readPointer(jsm, projection),
    TE.chain(({ generation }) => projectionLag(nc, consumerName(projection, generation))),
  )
  while (!signal.aborted) {
    const found = await look()
    if (E.isRight(found)) noteChange(found.right)
    if (performance.now() - logged_ms >= log_ms) {
      logged_ms = performance.now()
      if (E.isRight(found))
        log.info({ metric: 'projection_lag', projection, ...found.right }, 'projection lag')
      else log.warn({ projection, reason: found.left.message }, 'how far the projection is cannot be asked')
    }
    await sleep(look_ms, undefined, { signal, ref: false }).catch(() => undefined)
  }
}
