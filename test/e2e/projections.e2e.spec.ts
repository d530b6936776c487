/** Projectors as processes that are killed, and replays beside them: too many at once, and interrupted ones. */

import type { NatsConnection } from 'nats'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { clientId } from '../../src/ledger/testing/arbitrary.js'
import { manager } from '../../src/stream/provision.js'
import { publishBatch } from '../../src/stream/publish.js'
import { createTablesClient } from '../../src/tables/client.js'
import { tableExists } from '../../src/tables/provision.js'
import type { VerifyDeps } from '../../src/verify/deps.js'
import { type Env, environment, serve } from '../support/command-load.js'
import { LOCAL, right } from '../support/ledger.js'
import { openWorkbench, type Workbench } from '../support/program.js'
import { startTestNats, until } from '../support/servers.js'
import { startSteadyLoad } from '../support/steady-load.js'
import { runTakeovers } from '../support/takeovers.js'
import { expectVerified } from '../support/verified.js'
import { watchVersions } from '../support/version-watch.js'

/** The promised time is 5 s, which `jetledger chaos` measures; the rest is for a machine that does much else. */
const TAKEOVER_MS_MAX = 15_000
const REPLAYED_MS_MAX = 60_000
const BASE = 'customer-balances'
const TABLE = `${BASE}-ledger`

let bench: Workbench
beforeEach(() => {
  bench = openWorkbench()
})
afterEach(() => bench.end())

const open = async (): Promise<{ nc: NatsConnection; env: Env; deps: VerifyDeps }> => {
  const nats = await startTestNats()
  bench.atEnd(() => nats.stop())
  const { env, dynamodb } = await environment(bench, nats.url, 1)
  const nc = await bench.connect(nats.url)
  const tables = createTablesClient({ endpoint: dynamodb.endpoint, ...LOCAL })
  bench.atEnd(() => tables.destroy())
  return { nc, env, deps: { nc, jsm: await right(manager(nc)), tables, base_table: BASE } }
}

/** Publishes `count` credits in atomic batches. */
const publishMany = async (nc: NatsConnection, count: number): Promise<void> => {
  for (let from = 0; from < count; from += 1_000) {
    const messages = Array.from({ length: 1_000 }, (_, i) => ({
      subject: `customer.balance.many-${(from + i) % 300}`,
      body: JSON.stringify({ type: 'credit', amount: 1, transaction_id: `many:${from + i}` }),
    }))
    await right(publishBatch(nc, messages, 10_000))
  }
}

/** The progress of a replay, from the checkpoint that it leaves for the next one. */
const checkpoint = async ({ jsm }: VerifyDeps): Promise<number> => {
  const found = await jsm.streams.getMessage('KV_config', { last_by_subj: '$KV.config.replay.ledger' })
  return found === null ? 0 : found.json<{ seq: number }>().seq
}

it('of two projectors the active one is killed with -9 again and again: the other takes over, and the table is exact', async () => {
  const { took_ms } = await runTakeovers(bench, { events_per_s: 300, for_ms: 12_000, kill_every_ms: 2_000 })
  expect(Math.max(...took_ms)).toBeLessThan(TAKEOVER_MS_MAX)
})

it('a replay under load: no reader sees a version go back, the flip is one moment, the old table is gone', async () => {
  const { nc, env, deps } = await open()
  await serve(bench, env, 'projections')
  await until(() => right(tableExists(deps.tables, TABLE)), { deadline_ms: 30_000, what: 'the table' })
  const load = startSteadyLoad(nc, { events_per_s: 500, customers: 100, name: 'under' })
  const ids = Array.from({ length: 100 }, (_, i) => clientId(`steady-${i}`))
  const watch = watchVersions(deps, ids)
  await until(() => load.published() > 1_000, { deadline_ms: 30_000, what: 'a load' })
  const replay = bench.start(['replay', 'ledger', '--json'], env)
  await until(() => !replay.running(), { deadline_ms: REPLAYED_MS_MAX, what: 'the end of the replay' })
  expect(replay.stderr()).not.toContain('Error')
  expect(JSON.parse(replay.stdout())).toMatchObject({ generation: 2 })
  expect(await right(tableExists(deps.tables, TABLE))).toBe(false)
  const { reads, tables, went_back } = await watch.stop()
  expect(went_back).toEqual([])
  expect(reads).toBeGreaterThan(50)
  // each follower of the pointer finds the new table by itself; none goes back to the old one
  expect([tables[0], tables.at(-1)]).toEqual([TABLE, `${TABLE}.g2`])
  await load.stop()
  await expectVerified(deps)
})

it('two replays at a time: the second says who is at work; one that is stopped or killed is taken up again', async () => {
  const { nc, env, deps } = await open()
  await bench.run(['stream', 'apply'], env)
  // without a consumer, a replay need not wait for one that stands still
  await deps.jsm.consumers.delete('customer-balances', 'ledger')
  await publishMany(nc, 20_000)
  const start = () => bench.start(['replay', 'ledger', '--json', '--checkpoint-ms', '1'], env)
  const beyond = async (seq: number): Promise<number> => {
    await until(async () => (await checkpoint(deps)) > seq, { deadline_ms: 30_000, what: 'a checkpoint' })
    return checkpoint(deps)
  }

  const stopped = start()
  await beyond(0)
  const second = await bench.run(['replay', 'ledger'], env)
  expect(second).toMatchObject({ code: 1, stdout: '' })
  expect(second.stderr).toMatch(
    new RegExp(`^jetledger: a replay of ledger is at work already: .*:${stopped.pid},`, 'm'),
  )
  expect(await stopped.end('SIGINT')).toEqual({ code: 1, signal: null })
  expect(stopped.stderr()).toContain('the next replay goes on from the last checkpoint')

  const from = await checkpoint(deps)
  const killed = start()
  const reached = await beyond(from)
  await killed.end('SIGKILL')
  expect(reached).toBeLessThan(20_000)
  const finished = await until(
    async () => {
      const { code, stdout } = await bench.run(['replay', 'ledger', '--json'], env)
      return code === 0 ? stdout : undefined
    },
    { deadline_ms: REPLAYED_MS_MAX, what: 'a replay once the dead one is given up' },
  )
  const { resumed_at, generation, rows } = JSON.parse(finished)
  expect({ generation, rows }).toEqual({ generation: 2, rows: 20_000 })
  expect(resumed_at).toBeGreaterThan(reached)
  await serve(bench, env, 'projections')
  await expectVerified(deps)
})
