/**
 * Calls the functions of bench/postgres/schema.sql, from a load client directly and from the HTTP route of
 * bench/processes/postgres-route.ts.
 */

import pg from 'pg'
import { REQUEST_TIMEOUT_MS } from './client-request.js'
import { HTTP_CLIENTS } from './http-pool.js'

export const POSTGRES_USER = 'bench'
const POSTGRES_DATABASE = 'postgres'

type Entry = { readonly id: string; readonly client_id: string; readonly amount: number }

export type PostgresLedger = {
  /** Resolves with the new balance, as PostgreSQL writes it. */
  readonly post: (entry: Entry) => Promise<string>
  /** Resolves with the balances of both sides. */
  readonly transfer: (id: string, from: string, to: string, amount: number) => Promise<readonly string[]>
  /** Posts all entries with one statement; resolves with the new balances. */
  readonly postAll: (entries: readonly Entry[]) => Promise<readonly string[]>
}

/** The entries are posted in the order of the customers, so that two statements never wait for each other. */
const POST_ALL = `select p.new_balance
  from (select * from unnest($1::text[], $2::text[], $3::bigint[]) as entry(id, client_id, amount)
    order by client_id) e
  cross join lateral post(e.id, e.client_id, e.amount) p`

export const openPostgres = (socket: string, connections: number): pg.Pool =>
  new pg.Pool({
    host: socket,
    user: POSTGRES_USER,
    database: POSTGRES_DATABASE,
    max: connections,
    query_timeout: REQUEST_TIMEOUT_MS,
  })

/** Opens up to as many connections as there are clients; each keeps the prepared statements. */
export const createPostgresLedger = (socket: string): PostgresLedger => {
  const pool = openPostgres(socket, HTTP_CLIENTS)
  const run = async (name: string, text: string, values: readonly unknown[]): Promise<string[][]> => {
    const { rows } = await pool.query<string[]>({ name, text, values: [...values], rowMode: 'array' })
    return rows
  }
  return {
    post: async ({ id, client_id, amount }) => {
      const rows = await run('post', 'select new_balance from post($1, $2, $3)', [id, client_id, amount])
      return rows[0]?.[0] ?? ''
    },
    transfer: async (id, from, to, amount) => {
      const text = 'select from_balance, to_balance from transfer($1, $2, $3, $4)'
      return (await run('transfer', text, [id, from, to, amount]))[0] ?? []
    },
    postAll: async entries => {
      const values = [
        entries.map(({ id }) => id),
        entries.map(({ client_id }) => client_id),
        entries.map(({ amount }) => amount),
      ]
      return (await run('post_all', POST_ALL, values)).map(([balance]) => balance ?? '')
    },
  }
}
