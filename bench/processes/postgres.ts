/** Starts a PostgreSQL server with the ledger of bench/postgres/schema.sql, when its programs are on this machine. */

import { execFile } from 'node:child_process'
import { accessSync, chownSync, constants, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import type pg from 'pg'
import type { Stack } from '../../src/stack.js'
import { FUNDS, HOT_CUSTOMER } from '../work/customers.js'
import { openPostgres, POSTGRES_USER } from '../work/postgres-ledger.js'
import { ROOT } from './built.js'
import { startChild } from './child.js'

type User = { readonly uid: number; readonly gid: number }

/** What a PostgreSQL server needs; a text says why there cannot be one on this machine. */
export type PostgresPrograms =
  | { readonly initdb: string; readonly postgres: string; readonly user?: User }
  | string

const runProgram = promisify(execFile)
/** Users that a machine with PostgreSQL has, in the order of preference. */
const USERS = ['postgres', 'nobody']
const READY_MS_MAX = 20_000
const POLL_MS = 50

const findProgram = (name: string): string | undefined =>
  (process.env.PATH ?? '')
    .split(delimiter)
    .map(folder => join(folder, name))
    .find(path => {
      try {
        accessSync(path, constants.X_OK)
        return true
      } catch {
        return false
      }
    })

const findUser = async (): Promise<User | undefined> => {
  for (const name of USERS) {
    try {
      const [uid, gid] = await Promise.all(['-u', '-g'].map(what => runProgram('id', [what, name])))
      return { uid: Number(uid?.stdout), gid: Number(gid?.stdout) }
    } catch {
      // the machine has no such user
    }
  }
  return undefined
}

/** Finds the programs, and a user to run them as when this process runs as root. */
export const findPostgres = async (): Promise<PostgresPrograms> => {
  const [initdb, postgres] = [findProgram('initdb'), findProgram('postgres')]
  if (initdb === undefined || postgres === undefined) return 'initdb and postgres are not in PATH'
  if (process.getuid?.() !== 0) return { initdb, postgres }
  const user = await findUser()
  return user === undefined
    ? `PostgreSQL refuses to run as root, and there is no user ${USERS.join(' or ')}`
    : { initdb, postgres, user }
}

export type Postgres = { readonly socket: string; readonly pid: number; readonly pool: pg.Pool }

const prepare = async (pool: pg.Pool, customers: number): Promise<void> => {
  await pool.query(readFileSync(new URL('bench/postgres/schema.sql', ROOT), 'utf8'))
  await pool.query(
    `insert into account select 'bench-' || i, ${FUNDS}, 1 from generate_series(0, ${customers - 1}) i
      union all select '${HOT_CUSTOMER}', ${FUNDS}, 1`,
  )
  await pool.query('vacuum analyze account')
  await pool.query('checkpoint')
}

/** Starts a server with a new ledger whose customers have money; `cleanup` stops it and removes its data. */
export const startPostgres = async (
  { initdb, postgres, user }: Exclude<PostgresPrograms, string>,
  customers: number,
  cleanup: Stack,
  signal: AbortSignal,
): Promise<Postgres> => {
  // a folder beside the others: theirs cannot be entered by another user
  const folder = mkdtempSync(join(tmpdir(), 'jetledger-bench-pg-'))
  cleanup.push(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
  if (user !== undefined) chownSync(folder, user.uid, user.gid)
  const settings = [
    '-D',
    join(folder, 'data'),
    '-U',
    POSTGRES_USER,
    '--auth=trust',
    '--no-sync',
    '-E',
    'UTF8',
  ]
  await runProgram(initdb, settings, { cwd: folder, ...user })
  const child = startChild('postgres-server', {
    args: [postgres, folder, ...(user === undefined ? [] : [String(user.uid), String(user.gid)])],
  })
  cleanup.push(child.stop)
  const pool = openPostgres(folder, 1)
  // the server ends the connection when it stops, which is no error of the benchmark
  pool.on('error', () => {})
  cleanup.push(() => pool.end())
  const until_ms = performance.now() + READY_MS_MAX
  for (;;) {
    signal.throwIfAborted()
    try {
      await pool.query('select 1')
      break
    } catch (cause) {
      if (performance.now() > until_ms) throw new Error('PostgreSQL did not become ready', { cause })
      await pause(POLL_MS)
    }
  }
  await prepare(pool, customers)
  return { socket: folder, pid: child.pid, pool }
}
