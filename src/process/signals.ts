/**
 * Waits for the signal to stop, and limits the time of the stop. A second signal changes nothing: every stop has time
 * limits of its own, and after one Ctrl-C two signals arrive, one from the terminal and one that npm passes on.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { Failure } from './failure.js'

const STOP_MS_MAX = 15_000

/**
 * Listens for SIGINT and SIGTERM: `requested` resolves with the name of the first, and `signal` aborts at that
 * moment.
 */
export const stopRequested = (): { readonly signal: AbortSignal; readonly requested: Promise<string> } => {
  const stopping = new AbortController()
  const requested = new Promise<string>(resolve => {
    for (const name of ['SIGINT', 'SIGTERM'] as const) {
      process.on(name, () => {
        stopping.abort()
        resolve(name)
      })
    }
  })
  return { signal: stopping.signal, requested }
}

/** Waits for a stop that is under way, for 15 s at most. Throws `Failure` when the stop takes longer. */
export const withinStopTime = async (stopping: Promise<void> | undefined): Promise<void> => {
  const late = async (): Promise<never> => {
    await sleep(STOP_MS_MAX, undefined, { ref: false })
    throw new Failure(`the stop was not over after ${STOP_MS_MAX} ms`)
  }
  await Promise.race([stopping, late()])
}
