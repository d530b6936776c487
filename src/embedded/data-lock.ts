/**
 * Lets only one run at a time use a data folder: two nats-servers on one store destroy it, and two dynoxide processes
 * open the same file without an error. Node has no flock, so the lock is a folder of claims.
 *
 * A process that wants the folder first writes its claim, then looks for others. If it sees the claim of another
 * living process, it takes its own back. Of two processes the one that claimed later always sees the earlier claim,
 * so there are never two holders. Both may give way at the same moment: hence the random pauses. A claim is an empty
 * file whose *name* holds all information, so it appears at once and whole, and removing the claim of a dead process
 * can never remove the one of a living process, not even with the same pid.
 *
 * This works for processes that see each other's pids: do not share a data folder between machines or containers.
 */

import { closeSync, mkdirSync, openSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { identityOf, isAlive } from './process-identity.js'

/** This process holds the data folder until `release` is called or the process ends, however it ends. */
export type DataLock = { release(): void }

const TRIES_MAX = 5
const PAUSE_MS_MAX = 150

type Claim = { file: string; pid: number; identity: string }

const parse = (file: string): Claim | undefined => {
  const [, pid, identity] = /^(\d+)@(.+)$/.exec(file) ?? []
  return pid === undefined || identity === undefined ? undefined : { file, pid: Number(pid), identity }
}

/** Removes the claims of dead processes, and returns the pid of another living process that has a claim. */
const otherHolder = (folder: string, own: string): number | undefined => {
  const others = readdirSync(folder).flatMap(file => (file === own ? [] : (parse(file) ?? [])))
  for (const claim of others.filter(({ pid, identity }) => !isAlive(pid, identity))) {
    rmSync(join(folder, claim.file), { force: true })
  }
  return others.find(({ pid, identity }) => isAlive(pid, identity))?.pid
}

/** Writes the claim. Returns false when this process has claimed the folder already. */
const writeClaim = (path: string): boolean => {
  try {
    closeSync(openSync(path, 'wx'))
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  }
}

/**
 * Takes the lock of `data_dir`, which is created when missing. After less than a second of trying it throws a
 * sentence that names the process that holds the lock.
 */
export const lockDataDir = async (data_dir: string): Promise<DataLock> => {
  const folder = join(data_dir, 'locks')
  mkdirSync(folder, { recursive: true })
  const own = `${process.pid}@${identityOf(process.pid) ?? 'unknown'}`
  const path = join(folder, own)
  let holder: number | undefined = process.pid
  for (let i = 0; i < TRIES_MAX; i += 1) {
    if (i > 0) await pause(Math.random() * PAUSE_MS_MAX)
    if (!writeClaim(path)) continue
    holder = otherHolder(folder, own)
    if (holder === undefined) return { release: () => rmSync(path, { force: true }) }
    rmSync(path, { force: true })
  }
  throw new Error(
    `The data folder ${data_dir} is in use by process ${holder}: stop it, or choose another folder.`,
  )
}
