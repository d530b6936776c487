/**
 * Turns the adapters' errors into the three things a projector can do about them.
 */

import { type BackOff, pause } from '../back-off.js'
import { Failed } from '../fp.js'
import type { StreamError } from '../stream/errors.js'
import type { TableError } from '../tables/errors.js'

export type AdapterError = StreamError | TableError

/** Whether what was thrown is an adapter's error of this tag; a projector's loops dispatch on it. */
export const failedWith = (thrown: unknown, tag: AdapterError['tag']): boolean =>
  thrown instanceof Failed && thrown.error.tag === tag

const PERSIST_MS = 60_000
const BACK_OFF: BackOff = { first_ms: 50, max_ms: 3_000 }

/**
 * Does `work`, which may be done again, and again while it fails with `TryAgain`, for a minute: what takes long to build
 * shall not be given up for a moment's outage. Throws what `work` threw last.
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
