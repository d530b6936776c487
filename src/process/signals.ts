/**
 * Waits for the signal to stop, and bounds the stop itself. A second one changes nothing: every stop has bounds of its own, and a terminal sends
 * Ctrl-C to npm and to us, which passes it on.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { Failure } from './failure.js'

const STOP_MS_MAX = 15_000

/** Resolves with the name of the first SIGINT or SIGTERM; `signal` aborts in the same moment. */
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

/** Waits for a stop that is under way, for 15 s at the most. Throws `Failure` when it takes longer. */
export const withinStopTime = async (stopping: Promise<void> | undefined): Promise<void> => {
  const late = async (): Promise<never> => {
    await sleep(STOP_MS_MAX, undefined, { ref: false })
    throw new Failure(`the stop was not over after ${STOP_MS_MAX} ms`)
  }
  await Promise.race([stopping, late()])
}
