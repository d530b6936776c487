/**
 * Publishes the active instance's own status of a projection in the KV bucket, for `jetledger status`.
 *
 * The lag of the projection is not part of it: the servers are asked for that (`lag-report.ts`,
 * `src/generations/status.ts`).
 */

import { hostname } from 'node:os'
import { putText, statusKey } from '../stream/config-bucket.js'
import type { Target } from './target.js'

const PUBLISH_EVERY_MS = 5_000

/** The name of this process, unique among the processes that run now. */
export const INSTANCE = `${hostname()}:${process.pid}`

export type Status = {
  /** Notes that events up to `seq` are written. */
  readonly noteHandled: (seq: number) => void
  /** Notes the last error; the next handled event clears it. */
  readonly noteFailure: (message: string) => void
  /** Ends publishing: from now on another instance is active, or none. */
  readonly stop: () => void
}

/** Publishes nothing before the first handled event: an instance that has handled none is not the active one. */
export const createStatus = ({ kv, projection, generation }: Target): Status => {
  let handled_seq: number | undefined
  let last_error: string | undefined

  const publish = (): void => {
    if (handled_seq === undefined) return
    const at = new Date().toISOString()
    const status = { instance: INSTANCE, generation, seq: handled_seq, last_error, at }
    // a status that was not stored is replaced by the next one
    void putText(kv, statusKey(projection.name), JSON.stringify(status))()
  }
  const timer = setInterval(publish, PUBLISH_EVERY_MS)
  timer.unref()

  return {
    noteHandled: seq => {
      const is_first = handled_seq === undefined
      handled_seq = seq
      last_error = undefined
      if (is_first) publish()
    },
    noteFailure: message => {
      last_error = message
    },
    stop: () => clearInterval(timer),
  }
}
