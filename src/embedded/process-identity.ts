/**
 * Tells a process from a later process with the same pid, so that neither the lock of the data folder nor the
 * clean-up of leftovers ever takes a foreign process for one of Jetledger.
 */

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

const PS_TIMEOUT_MS = 2_000

const readText = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

const onLinux = (pid: number): string | undefined => {
  const stat = readText(`/proc/${pid}/stat`)
  if (stat === undefined) return undefined
  // the second field is the program's name in parentheses and may hold spaces and parentheses itself
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const [state, started] = [fields[0], fields[19]]
  if (started === undefined || state === 'Z' || state === 'X') return undefined
  // start times count from boot: without the boot's id they would repeat after a restart of the machine
  const boot = readText('/proc/sys/kernel/random/boot_id')?.slice(0, 8) ?? '0'
  return `${started}-${boot}`
}

const elsewhere = (pid: number): string | undefined => {
  try {
    const text = execFileSync('ps', ['-o', 'state=,lstart=', '-p', `${pid}`], {
      encoding: 'utf8',
      timeout: PS_TIMEOUT_MS,
      stdio: ['ignore', 'pipe', 'ignore'],
      // the date must not depend on the locale and time zone of the user
      env: { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' },
    })
    const [state = '', ...started] = text.trim().split(/\s+/)
    return state.startsWith('Z') || started.length === 0 ? undefined : started.join('_').replace(/[^\w]/g, '')
  } catch {
    return undefined
  }
}

/**
 * The identity of the living process `pid`, usable in a file name. It differs from the identity of every other
 * process that ever had or will have this pid on this machine. Undefined when no process has the pid; a zombie counts
 * as none.
 */
export const identityOf = (pid: number): string | undefined =>
  process.platform === 'linux' ? onLinux(pid) : elsewhere(pid)

/** Whether the very process that had `identity` is still alive. */
export const isAlive = (pid: number, identity: string): boolean => identityOf(pid) === identity
