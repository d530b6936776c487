/** Our side of scripts/reaper.mjs, the process that stops the servers when this one is killed with -9. */

import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export type Reaper = {
  /** undefined when it could not be started */
  readonly pid: number | undefined
  add(pid: number, identity: string): void
  remove(pid: number): void
  /** Everything is stopped: it has nothing to do and ends. */
  done(): void
}

const script = fileURLToPath(new URL('../../scripts/reaper.mjs', import.meta.url))

/**
 * Starts the reaper. It is a second safety net (the next start finds leftovers by itself), so nothing here fails: when
 * it cannot be started, or was killed, what is written to it is dropped and `on_error` hears of it.
 */
export const startReaper = (on_error: (error: Error) => void): Reaper => {
  const child = spawn(process.execPath, [script], {
    // a group of its own, so that what ends ours does not end it
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
