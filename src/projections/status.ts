/**
 * Publishes the active instance's own status of a projection in the KV bucket, for `jetledger status`.
 *
 * The server makes an instance the active one when it delivers an event to it. So after a restart without new events no
 * instance is active, and the bucket would go on naming a process that is gone. Then one of the waiting instances names
 * itself: it can see that the last report does not change any more. It says that it is waiting.
 *
 * The lag of the projection is not part of it: the servers are asked for that (`lag-report.ts`,
 * `src/generations/status.ts`).
 */

import { hostname } from 'node:os'
import { E } from '../fp.js'
import { NEWEST_SCHEMA } from '../ledger/event.js'
import { getText, putText, statusKey } from '../stream/config-bucket.js'
import type { Target } from './target.js'

const PUBLISH_EVERY_MS = 5_000
/** An active instance changes its report every 5 s: one that looks the same at so many looks in a row has no writer. */
const SAME_LOOKS = 3

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

/** An instance that has handled no event publishes only in the place of one that has fallen silent. */
export const createStatus = ({ kv, projection, generation }: Target): Status => {
  const key = statusKey(projection.name)
  let handled_seq: number | undefined
  let last_error: string | undefined
  /** The report of others that was seen last, and how often in a row; `own` is the one that this instance wrote. */
  let seen: { readonly text: string | undefined; readonly looks: number } | undefined
  let own: string | undefined

  const put = (fields: object): Promise<unknown> => {
    const at = new Date().toISOString()
    own = JSON.stringify({ instance: INSTANCE, generation, last_error, at, schema: NEWEST_SCHEMA, ...fields })
    // a status that was not stored is replaced by the next one
    return putText(kv, key, own)()
  }
  const lookAndWait = async (): Promise<void> => {
    const found = await getText(kv, key)()
    if (E.isLeft(found) || handled_seq !== undefined) return
    const text = found.right
    const looks = seen !== undefined && seen.text === text ? seen.looks + 1 : 1
    seen = { text, looks }
    if (text === undefined || text === own || looks >= SAME_LOOKS) await put({ seq: 0, is_waiting: true })
  }
  const publish = (): void => {
    void (handled_seq === undefined ? lookAndWait() : put({ seq: handled_seq }))
  }
  const timer = setInterval(publish, PUBLISH_EVERY_MS)
  timer.unref()
  publish()

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
