/**
 * Writes to `<data>/run.json` which servers run, so that the next start can stop servers that outlived their run: this
 * process and its reaper may both have been killed with -9.
 */

import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { E } from '../fp.js'
import { isJsonObject, readJson } from '../json.js'
import { terminate } from './terminate.js'

/** A server process in the state file. */
export type RunningServer = { name: string; pid: number; identity: string; binary: string }

const GRACE_MS = 5_000

const fileIn = (data_dir: string): string => join(data_dir, 'run.json')

const isRunningServer = (value: unknown): value is RunningServer => {
  if (!isJsonObject(value)) return false
  const { name, pid, identity, binary } = value
  return (
    typeof name === 'string' &&
    typeof identity === 'string' &&
    typeof binary === 'string' &&
    // 0 and negative numbers would name whole process groups
    Number.isInteger(pid) &&
    Number(pid) > 1
  )
}

const read = (data_dir: string, log: Logger): RunningServer[] => {
  let text: string
  try {
    text = readFileSync(fileIn(data_dir), 'utf8')
  } catch {
    return []
  }
  const state = readJson(text)
  if (E.isLeft(state)) {
    log.warn({ err: state.left, file: fileIn(data_dir) }, 'state file of the last run is unreadable')
    return []
  }
  const servers = isJsonObject(state.right) ? state.right.servers : undefined
  return Array.isArray(servers) ? servers.filter(isRunningServer) : []
}

/** Writes the state file, by rename, so that a reader never sees half of it. */
export const recordRun = (data_dir: string, servers: readonly RunningServer[]): void => {
  const file = fileIn(data_dir)
  writeFileSync(`${file}.tmp`, `${JSON.stringify({ servers }, null, 2)}\n`)
  renameSync(`${file}.tmp`, file)
}

/** Removes the state file; to be called when the servers of the run are stopped. */
export const forgetRun = (data_dir: string): void => rmSync(fileIn(data_dir), { force: true })

/**
 * Stops the servers that the last run of this data folder left behind. Call it while holding the folder's lock.
 * Throws when a process cannot be stopped: a second server on the same data would destroy them.
 */
export const stopLeftovers = async (data_dir: string, log: Logger): Promise<void> => {
  await Promise.all(
    read(data_dir, log).map(async ({ name, pid, identity, binary }) => {
      if (!(await terminate(pid, identity, GRACE_MS))) {
        throw new Error(
          `Process ${pid} (${binary}), left by the last run, cannot be stopped: stop it yourself.`,
        )
      }
      log.debug({ server: name, pid }, 'server of the last run is gone')
    }),
  )
  forgetRun(data_dir)
}
