/**
 * `jetledger dev --reset`: removes the ledger of a data folder, so that the next start makes a new one.
 */

import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Logger } from 'pino'
import { lockDataDir } from '../embedded/data-lock.js'
import { stopLeftovers } from '../embedded/leftovers.js'
import { Failure } from '../process/failure.js'
import { confirm } from './confirm.js'

/** What a data folder holds. A folder with anything else is not only a ledger's, and is left alone. */
const LOCKS = 'locks'
const CONTENT: readonly string[] = [
  LOCKS,
  'logs',
  'single',
  'cluster',
  'secure',
  'run.json',
  'listening.json',
]

const foreignIn = (folder: string): readonly string[] =>
  readdirSync(folder).filter(name => !CONTENT.includes(name))

/**
 * Removes the ledger in `data_dir` after a person has agreed; `is_agreed` says that nobody has to be asked. Throws `Failure`
 * when it is in use, or when the folder holds something else, too.
 */
export const resetLedger = async (data_dir: string, is_agreed: boolean, log: Logger): Promise<void> => {
  const folder = resolve(data_dir)
  if (!existsSync(folder)) return
  const [foreign] = foreignIn(folder)
  if (foreign !== undefined)
    throw new Failure(`${folder} holds ${foreign}, which is no part of a ledger: nothing was removed`)
  if (!is_agreed) await confirm(`The ledger in ${folder} will be removed for good.`)
  const lock = await lockDataDir(folder).catch((cause: unknown) => {
    throw new Failure(cause instanceof Error ? cause.message : String(cause), { cause })
  })
  try {
    // servers of a run that was killed would go on writing
    await stopLeftovers(folder, log)
    for (const name of CONTENT)
      if (name !== LOCKS) rmSync(join(folder, name), { recursive: true, force: true })
  } finally {
    lock.release()
  }
}
