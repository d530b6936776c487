/**
 * One run at a time per data folder: two nats-servers on one store destroy it, and two dynoxide processes open the same
 * file without complaint. Node has no flock, so the lock is a folder of claims.
 *
 * Who wants the folder first puts down its claim, then looks for others; whoever sees another living claim takes its own
 * back. Of two starters the one that claimed later always sees the earlier, so there are never two holders. Both may give
 * way at the same instant: hence the random pauses. A claim is an empty file whose *name* says all, so it appears at once
 * and whole, and removing a dead process's claim can never hit a living one's, not even with the same pid.
 *
 * Holds for processes that see each other's pids: do not share a data folder between machines or containers.
 */

import { closeSync, mkdirSync, openSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { identityOf, isAlive } from './process-identity.js'

/** The data folder is ours until `release` is called or this process ends, however it ends. */
export type DataLock = { release(): void }

const TRIES_MAX = 5
const PAUSE_MS_MAX = 150

type Claim = { file: string; pid: number; identity: string }

const parse = (file: string): Claim | undefined => {
  const [, pid, identity] = /^(\d+)@(.+)$/.exec(file) ?? []
  return pid === undefined || identity === undefined ? undefined : { file, pid: Number(pid), identity }
}

/** The pid of another living claimant, after removing what the dead left. */
const otherHolder = (folder: string, own: string): number | undefined => {
  const others = readdirSync(folder).flatMap(file => (file === own ? [] : (parse(file) ?? [])))
  for (const claim of others.filter(({ pid, identity }) => !isAlive(pid, identity))) {
    rmSync(join(folder, claim.file), { force: true })
  }
  return others.find(({ pid, identity }) => isAlive(pid, identity))?.pid
}

/** False when this process has claimed the folder already. */
const putDown = (path: string): boolean => {
  try {
    closeSync(openSync(path, 'wx'))
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  }
}

/**
 * Takes the lock of `data_dir` (which is created), or throws a sentence that names the process that has it, after
 * less than a second of trying.
 */
export const lockDataDir = async (data_dir: string): Promise<DataLock> => {
  const folder = join(data_dir, 'locks')
  mkdirSync(folder, { recursive: true })
  const own = `${process.pid}@${identityOf(process.pid) ?? 'unknown'}`
  const path = join(folder, own)
  let holder: number | undefined = process.pid
  for (let i = 0; i < TRIES_MAX; i += 1) {
    if (i > 0) await pause(Math.random() * PAUSE_MS_MAX)
    if (!putDown(path)) continue
    holder = otherHolder(folder, own)
    if (holder === undefined) return { release: () => rmSync(path, { force: true }) }
    rmSync(path, { force: true })
  }
  throw new Error(
    `The data folder ${data_dir} is in use by process ${holder}: stop it, or choose another folder.`,
  )
}
