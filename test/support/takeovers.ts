/** Runs two projector processes under load, kills one of them repeatedly with -9, and measures the takeover by the other. */

import { setTimeout as pause } from 'node:timers/promises'
import type { NatsConnection } from 'nats'
import { expect } from 'vitest'
import { manager } from '../../src/stream/provision.js'
import { createTablesClient } from '../../src/tables/client.js'
import { tableName } from '../../src/tables/definition.js'
import { readItems } from '../../src/tables/heads.js'
import { rowId } from '../../src/tables/journal-ids.js'
import type { VerifyDeps } from '../../src/verify/deps.js'
import { expectLetters } from './checks.js'
import { type Env, environment, serve } from './command-load.js'
import { foldEvents, readEvents } from './independent-fold.js'
import { LOCAL, right } from './ledger.js'
import type { Workbench } from './program.js'
import { startTestNats, until } from './servers.js'
import { startSteadyLoad } from './steady-load.js'
import { expectVerified } from './verified.js'

const TABLE = 'customer-balances'
/** Few customers, so that a run writes few heads: the speed of the embedded DynamoDB server is not under test. */
const CUSTOMERS = 50
/** Longer than any allowed takeover, so that a failure reports the time that it took. */
const WAITED_MS_MAX = 20_000

export type TakeoverOptions = {
  readonly events_per_s: number
  readonly for_ms: number
  readonly kill_every_ms: number
}

export type Takeovers = {
  readonly events: number
  /** The time from each kill until an event published right after it is in the table. */
  readonly took_ms: readonly number[]
}

/** Publishes an event and waits until the table has its customer's head and its row. */
const probe = async (nc: NatsConnection, { tables }: VerifyDeps, id: string): Promise<void> => {
  const body = JSON.stringify({ type: 'credit', amount: 1, transaction_id: id })
  await nc.request(`customer.balance.${id}`, body, { timeout: 5_000 })
  const table = tableName(TABLE, 'ledger', 1)
  const isThere = async (): Promise<boolean> =>
    (await right(readItems(tables, table, [id, rowId(id)]))).length === 2
  await until(isThere, { deadline_ms: WAITED_MS_MAX, what: `${id} in ${table}` })
}

const depsOf = async (bench: Workbench, nc: NatsConnection, env: Env): Promise<VerifyDeps> => {
  const tables = createTablesClient({ endpoint: env.AWS_ENDPOINT_URL_DYNAMODB, ...LOCAL })
  bench.atEnd(() => tables.destroy())
  return { nc, jsm: await right(manager(nc)), tables, base_table: TABLE }
}

/** Runs the takeovers, and compares the table at the end. */
export const runTakeovers = async (
  bench: Workbench,
  { events_per_s, for_ms, kill_every_ms }: TakeoverOptions,
): Promise<Takeovers> => {
  const nats = await startTestNats()
  bench.atEnd(() => nats.stop())
  const { env } = await environment(bench, nats.url, 1)
  const start = () => serve(bench, env, 'projections')
  const nc = await bench.connect(nats.url)
  const running = [await start(), await start()]
  const deps = await depsOf(bench, nc, env)
  await probe(nc, deps, 'probe-0')

  const load = startSteadyLoad(nc, { events_per_s, customers: CUSTOMERS, name: 'steady' })
  const took_ms: number[] = []
  const end_ms = performance.now() + for_ms
  for (let round = 1; performance.now() < end_ms; round += 1) {
    await pause(kill_every_ms)
    const killed_ms = performance.now()
    // kills the older process, which is active: it took over when the previous one died
    await running.shift()?.end('SIGKILL')
    await probe(nc, deps, `probe-${round}`)
    took_ms.push(Math.round(performance.now() - killed_ms))
    running.push(await start())
  }
  const events = await load.stop()
  await expectVerified(deps)
  await expectLetters(nc, foldEvents(await readEvents(nc)))
  expect(took_ms.length).toBeGreaterThan(1)
  return { events, took_ms }
}
