/**
 * What the active instance of a projection says of itself in the KV bucket, for `jetledger status`. How far the
 * projection is, is not among it: that is asked of the servers (`lag-report.ts`, `src/generations/status.ts`).
 */

import { hostname } from 'node:os'
import { putText } from '../stream/config-bucket.js'
import type { Target } from './target.js'

const PUBLISH_EVERY_MS = 5_000

/** Who speaks: unique among the processes that run now. */
export const INSTANCE = `${hostname()}:${process.pid}`

export type Status = {
  /** Events up to `seq` are written. */
  readonly handled: (seq: number) => void
  readonly failed: (message: string) => void
  /** Another instance is active from now on, or none: this one says no more. */
  readonly stop: () => void
}

/** Begins with silence: who has handled nothing is not the active instance. */
export const createStatus = ({ kv, projection, generation }: Target): Status => {
  let handled_seq: number | undefined
  let last_error: string | undefined

  const tell = (): void => {
    if (handled_seq === undefined) return
    const at = new Date().toISOString()
    const status = { instance: INSTANCE, generation, seq: handled_seq, last_error, at }
    // a status that is lost is replaced by the next one
    void putText(kv, `status.${projection.name}`, JSON.stringify(status))()
  }
  const timer = setInterval(tell, PUBLISH_EVERY_MS)
  timer.unref()

  return {
    handled: seq => {
      const is_first = handled_seq === undefined
      handled_seq = seq
      last_error = undefined
      if (is_first) tell()
    },
    failed: message => {
      last_error = message
    },
    stop: () => clearInterval(timer),
  }
}
