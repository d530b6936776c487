/**
 * Recognises the adapters' errors that a projector reacts to, and repeats work after a passing one.
 */

import { type BackOff, pause } from '../back-off.js'
import { Failed } from '../fp.js'
import type { StreamError } from '../stream/errors.js'
import type { TableError } from '../tables/errors.js'

export type AdapterError = StreamError | TableError

/** Whether `thrown` is an adapter's error with this tag; the projector's loops dispatch on it. */
export const failedWith = (thrown: unknown, tag: AdapterError['tag']): boolean =>
  thrown instanceof Failed && thrown.error.tag === tag

const PERSIST_MS = 60_000
const BACK_OFF: BackOff = { first_ms: 50, max_ms: 3_000 }

/**
 * Does `work`, and repeats it for a minute while it fails with `TryAgain`: a table that takes long to build shall not
 * be given up for a short outage. `work` has to be safe to repeat. Throws the last error of `work`.
 */
export const persist = async <A>(work: () => Promise<A>, signal: AbortSignal): Promise<A> => {
  const until_ms = performance.now() + PERSIST_MS
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work()
    } catch (thrown) {
      if (!failedWith(thrown, 'TryAgain') || signal.aborted || performance.now() > until_ms) throw thrown
      await pause(BACK_OFF, attempt, signal)
    }
  }
}
