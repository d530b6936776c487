/** Repeats a harmful action until the end of a fault. */

import { setTimeout as pause } from 'node:timers/promises'
import type { EndFault } from './fault.js'

/** Does `work` at once and then every `every_ms`. The returned end waits for the running `work` and rejects if one failed. */
export const repeat = (every_ms: number, work: () => Promise<void>): EndFault => {
  const ending = new AbortController()
  const { signal } = ending
  const run = async (): Promise<void> => {
    while (!signal.aborted) {
      await work()
      await pause(every_ms, undefined, { signal }).catch(() => undefined)
    }
  }
  const running = run()
  // a failure is reported at the end of the fault; until then nothing awaits this promise
  running.catch(() => undefined)
  return () => {
    ending.abort()
    return running
  }
}
