/** Starts scripts/reaper.mjs and talks to it: that process stops the servers when this one is killed with -9. */

import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export type Reaper = {
  /** The pid of the reaper; undefined when it could not be started. */
  readonly pid: number | undefined
  add(pid: number, identity: string): void
  remove(pid: number): void
  /** Tells the reaper that all servers are stopped, so that it ends. */
  done(): void
}

const script = fileURLToPath(new URL('../../scripts/reaper.mjs', import.meta.url))

/**
 * Starts the reaper. It is a second safety net (the next start finds leftovers by itself), so nothing here throws:
 * when the reaper cannot be started or was killed, messages to it are dropped and `on_error` is called.
 */
export const startReaper = (on_error: (error: Error) => void): Reaper => {
  const child = spawn(process.execPath, [script], {
    // a process group of its own, so that a signal to this process's group does not end the reaper
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    env: {},
  })
  const { stdin } = child
  child.on('error', on_error)
  stdin.on('error', on_error)
  // neither the process nor its pipe may keep this process alive
  child.unref()
  if ('unref' in stdin && typeof stdin.unref === 'function') stdin.unref()
  const tell = (line: string): void => {
    if (stdin.writable) stdin.write(`${line}\n`)
  }
  return {
    pid: child.pid,
    add: (pid, identity) => tell(`+${pid} ${identity}`),
    remove: pid => tell(`-${pid}`),
    done: () => {
      tell('done')
      stdin.end()
    },
  }
}
