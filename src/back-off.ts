/**
 * Waiting between tries: exponential with jitter, bounded, ended at once by an abort.
 */

import { setTimeout as sleep } from 'node:timers/promises'

export type BackOff = { readonly first_ms: number; readonly max_ms: number }

/** How long to wait before try `attempt` (1, 2, ...): between half and all of the exponential step. */
export const delay_ms = ({ first_ms, max_ms }: BackOff, attempt: number): number => {
  const step_ms = Math.min(max_ms, first_ms * 2 ** Math.min(attempt - 1, 30))
  return step_ms / 2 + (Math.random() * step_ms) / 2
}

/** Waits before try `attempt`; returns early, without an error, when `signal` aborts. */
export const pause = async (backOff: BackOff, attempt: number, signal: AbortSignal): Promise<void> => {
  await sleep(delay_ms(backOff, attempt), undefined, { signal }).catch(() => undefined)
}
