import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { newFolder, removeFolder } from '../../test/support/servers.js'
import { lockDataDir } from './data-lock.js'
import { identityOf } from './process-identity.js'

let folder: string
beforeEach(() => {
  folder = newFolder()
})
afterEach(() => removeFolder(folder))

const claims = (): string[] => readdirSync(join(folder, 'locks'))

/** Writes the claim that the process `pid` with `identity` would write. */
const claim = async (pid: number, identity: string | undefined): Promise<void> => {
  const lock = await lockDataDir(folder)
  lock.release()
  writeFileSync(join(folder, 'locks', `${pid}@${identity}`), '')
}

/** A process that lives until its `stdin` ends. */
const other = () =>
  spawn(process.execPath, ['-e', 'process.stdin.resume()'], { stdio: ['pipe', 'ignore', 'ignore'] })

it('the second one is told who has the folder, and gets it after release', async () => {
  const first = await lockDataDir(folder)
  await expect(lockDataDir(folder)).rejects.toThrow(
    `The data folder ${folder} is in use by process ${process.pid}`,
  )
  first.release()
  const second = await lockDataDir(folder)
  expect(claims()).toHaveLength(1)
  second.release()
  expect(claims()).toEqual([])
})

it('of several starters at the same instant never two get it', async () => {
  const results = await Promise.allSettled([1, 2, 3, 4].map(() => lockDataDir(folder)))
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
})

it('the claim of another living process is respected and kept', async () => {
  const process_of_another = other()
  const { pid } = process_of_another
  if (pid === undefined) throw new Error('no process')
  await claim(pid, identityOf(pid))
  await expect(lockDataDir(folder)).rejects.toThrow(`in use by process ${pid}`)
  expect(claims()).toEqual([`${pid}@${identityOf(pid)}`])

  process_of_another.stdin.end()
  await once(process_of_another, 'exit')
  const lock = await lockDataDir(folder)
  expect(claims()).toHaveLength(1)
  lock.release()
})

it('a claim whose pid now belongs to another process does not count', async () => {
  await claim(process.ppid, '1-another')
  const lock = await lockDataDir(folder)
  expect(claims()).toHaveLength(1)
  lock.release()
})
