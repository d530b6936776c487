/**
 * What the active instance of a projection says of itself: in the log when it has caught up or fallen behind, once a
 * minute as a figure, and in the KV bucket for `jetledger status`.
 */

import { hostname } from 'node:os'
import { putText } from '../stream/config-bucket.js'
import type { Target } from './target.js'

const PUBLISH_EVERY_MS = 5_000
const LOG_EVERY_MS = 60_000
/** More than a burst: somebody should know. */
const BEHIND_MS = 10_000

/** Who speaks: unique among the processes that run now. */
export const INSTANCE = `${hostname()}:${process.pid}`

export type Status = {
  /** Events up to `seq`, which was published at `at`, are written; `pending` more are known. */
  readonly handled: (seq: number, at: Date, pending: number) => void
  readonly failed: (message: string) => void
  /** Another instance is active from now on, or none: this one says no more. */
  readonly stop: () => void
}

/** Begins with silence: who has handled nothing is not the active instance. */
export const createStatus = ({ kv, log, projection, generation }: Target): Status => {
  let progress: { seq: number; lag_events: number; lag_ms: number } | undefined
  let last_error: string | undefined
  let is_behind: boolean | undefined
  let logged_ms = performance.now()

  const tell = (): void => {
    if (progress === undefined) return
    const at = new Date().toISOString()
    const status = { instance: INSTANCE, generation, ...progress, last_error, at }
    // a status that is lost is replaced by the next one
    void putText(kv, `status.${projection.name}`, JSON.stringify(status))()
    if (performance.now() - logged_ms < LOG_EVERY_MS) return
    logged_ms = performance.now()
    log.info({ metric: 'projection_lag', projection: projection.name, ...progress }, 'projection lag')
  }
  const timer = setInterval(tell, PUBLISH_EVERY_MS)
  timer.unref()

  const noteLag = (lag_events: number, lag_ms: number): void => {
    const facts = { projection: projection.name, lag_events, lag_ms }
    if (lag_events === 0 && is_behind !== false) {
      is_behind = false
      log.info(facts, 'the projection has caught up')
    } else if (lag_ms > BEHIND_MS && is_behind === false) {
      is_behind = true
      log.warn(facts, 'the projection has fallen behind')
    }
  }

  return {
    handled: (seq, at, pending) => {
      const lag_ms = pending === 0 ? 0 : Math.max(Date.now() - at.getTime(), 0)
      const is_first = progress === undefined
      progress = { seq, lag_events: pending, lag_ms }
      last_error = undefined
      noteLag(pending, lag_ms)
      if (is_first) tell()
    },
    failed: message => {
      last_error = message
    },
    stop: () => clearInterval(timer),
  }
}
