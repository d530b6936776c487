/**
 * Ends processes that are not, or no longer, children of this process, so their end can only be seen by looking
 * again.
 */

import { setTimeout as pause } from 'node:timers/promises'
import { isAlive } from './process-identity.js'

const LOOK_EVERY_MS = 10

const send = (pid: number, signal: 'SIGTERM' | 'SIGKILL'): void => {
  try {
    process.kill(pid, signal)
  } catch {
    // the process has ended meanwhile, which is the aim; a process that may not be stopped is seen to stay alive
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
 * Sends SIGTERM, and SIGKILL after `grace_ms`, to the process with this identity; another process that got its pid is
 * left alone. Resolves with false when the process is still alive `grace_ms` after the SIGKILL.
 */
export const terminate = async (pid: number, identity: string, grace_ms: number): Promise<boolean> => {
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    if (isAlive(pid, identity)) send(pid, signal)
    if (await waitForEnd(pid, identity, grace_ms)) return true
  }
  return false
}
