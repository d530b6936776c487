/** Ends processes that are not (any more) children of ours: their end can only be watched by looking again. */

import { setTimeout as pause } from 'node:timers/promises'
import { isAlive } from './process-identity.js'

const LOOK_EVERY_MS = 10

const send = (pid: number, signal: 'SIGTERM' | 'SIGKILL'): void => {
  try {
    process.kill(pid, signal)
  } catch {
    // gone in between, which is what we want; one that is not ours to stop shows by staying alive
  }
}

const waitForEnd = async (pid: number, identity: string, timeout_ms: number): Promise<boolean> => {
  const deadline = performance.now() + timeout_ms
  while (isAlive(pid, identity)) {
    if (performance.now() > deadline) return false
    await pause(LOOK_EVERY_MS)
  }
  return true
}

/**
 * SIGTERM, and SIGKILL after `grace_ms`, to the very process that has this identity; a stranger that got its pid is
 * left alone. Gives false when it is still alive `grace_ms` after the SIGKILL.
 */
export const terminate = async (pid: number, identity: string, grace_ms: number): Promise<boolean> => {
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    if (isAlive(pid, identity)) send(pid, signal)
    if (await waitForEnd(pid, identity, grace_ms)) return true
  }
  return false
}
