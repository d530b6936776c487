/** Doing harm again and again, until the end. */

import { setTimeout as pause } from 'node:timers/promises'
import type { End } from './fault.js'

/** Does `work` at once and then every `every_ms`; the end waits for the one under way, and fails as `work` failed. */
export const repeat = (every_ms: number, work: () => Promise<void>): End => {
  const ending = new AbortController()
  const { signal } = ending
  const run = async (): Promise<void> => {
    while (!signal.aborted) {
      await work()
      await pause(every_ms, undefined, { signal }).catch(() => undefined)
    }
  }
  const running = run()
  // a failure is told at the end, not while nobody waits for it
  running.catch(() => undefined)
  return () => {
    ending.abort()
    return running
  }
}
