/** The command side from its clients' view, while its processes are killed and while the stream's leader changes. */

import { setTimeout as pause } from 'node:timers/promises'
import type { NatsConnection } from 'nats'
import { afterEach, beforeEach, expect, it } from 'vitest'
import {
  ask,
  type Exchange,
  expectDefinite,
  expectExact,
  runClients,
  settleOpen,
} from '../support/clients.js'
import { ACCOUNTS, ANSWERED_MS_MAX, environment, FUNDS, fund, nth, serve } from '../support/command-load.js'
import { openWorkbench, type Workbench } from '../support/program.js'
import { untilEqualsFold } from '../support/questions.js'
import { startTestCluster, startTestNats, until } from '../support/servers.js'

const KILLS = 6
const CLIENTS = 16
const TRANSFERS = 2_000
const STEP_DOWNS = 4

let bench: Workbench
beforeEach(() => {
  bench = openWorkbench()
})
afterEach(() => bench.end())

const connections = (url: string, clients = CLIENTS): Promise<NatsConnection[]> =>
  Promise.all(Array.from({ length: clients }, () => bench.connect(url)))

it('a command process is killed with -9 again and again: every answer is what the stream says, and none is missing', async () => {
  const nats = await startTestNats()
  bench.atEnd(() => nats.stop())
  const { env } = await environment(bench, nats.url, 1)
  await serve(bench, env, 'projections')
  let running = await serve(bench, env, 'commands')
  const clients = await connections(nats.url)
  const exchanges: Exchange[] = []
  await fund(clients, exchanges)

  let [begun, stopped] = [0, false]
  const types = ['transfer', 'debit', 'credit', 'transfer'] as const
  const load = runClients(clients, () => (stopped ? undefined : nth(begun++, types)), exchanges)
  for (let kill = 0; kill < KILLS; kill += 1) {
    const more = exchanges.filter(({ answer }) => answer.code === 'done').length + 150
    await until(() => exchanges.filter(({ answer }) => answer.code === 'done').length >= more, {
      deadline_ms: ANSWERED_MS_MAX,
      what: `${more} accepted commands`,
    })
    await running.end('SIGKILL')
    running = await serve(bench, env, 'commands')
  }
  stopped = true
  await load
  const nc = await bench.connect(nats.url)
  const said = await expectDefinite(nc, exchanges)
  expect(Object.values(said).reduce((sum, count) => sum + count, 0)).toBeGreaterThan(0)
  await settleOpen(nc, exchanges)
  await expectExact(nc, exchanges)
})

it('dynoxide is killed under load: commands go on, and the tables equal the stream when it is back', async () => {
  const nats = await startTestNats()
  bench.atEnd(() => nats.stop())
  const { env, dynamodb } = await environment(bench, nats.url, 1)
  await serve(bench, env, 'projections,queries')
  await serve(bench, env, 'commands')
  const clients = await connections(nats.url)
  const exchanges: Exchange[] = []
  await fund(clients, exchanges)

  let [begun, stopped] = [0, false]
  const types = ['transfer', 'debit', 'credit', 'transfer'] as const
  const load = runClients(clients, () => (stopped ? undefined : nth(begun++, types)), exchanges)
  const accepted = () => exchanges.filter(({ answer }) => answer.code === 'done').length
  for (let kill = 0; kill < 3; kill += 1) {
    await pause(200)
    await dynamodb.kill()
    const more = accepted() + 200
    await until(() => accepted() >= more, {
      deadline_ms: ANSWERED_MS_MAX,
      what: `${more} accepted commands while DynamoDB is away`,
    })
    await dynamodb.start()
  }
  stopped = true
  await load
  const nc = await bench.connect(nats.url)
  await settleOpen(nc, exchanges)
  await expectExact(nc, exchanges)
  await untilEqualsFold(nc, 30_000)
})

it('the same transaction id 50 times at once by 5 clients is one event and 50 equal replies, after a restart too', async () => {
  const nats = await startTestNats()
  bench.atEnd(() => nats.stop())
  const { env } = await environment(bench, nats.url, 1)
  await serve(bench, env, 'projections')
  const running = await Promise.all([serve(bench, env, 'commands'), serve(bench, env, 'commands')])
  const clients = await connections(nats.url, 5)
  const body = JSON.stringify({ client_id: 'ann', amount: 7, transaction_id: 'same' })
  const askAll = async (text: string): Promise<Record<string, unknown>[]> =>
    Promise.all(
      Array.from({ length: 50 }, async (_, i) => {
        const nc = clients[i % clients.length] as NatsConnection
        return (await nc.request('customer.credit', text, { timeout: 20_000 })).json()
      }),
    )
  const first = await askAll(body)
  const plain = first.map(({ replayed: _, ...reply }) => reply)
  expect(plain).toEqual(Array(50).fill(plain[0]))
  expect(plain[0]).toMatchObject({ balance: 7, version: 1 })
  expect(first.filter(({ replayed }) => replayed === true)).toHaveLength(49)
  const refused = (await askAll(body.replace('7', '8'))).map(({ error }) => error)
  expect(refused).toMatchObject(Array(50).fill({ code: 'TRANSACTION_ID_REUSED', field: 'amount' }))
  await Promise.all(running.map(program => program.end('SIGTERM')))
  await serve(bench, env, 'commands')
  expect(await askAll(body)).toEqual(Array(50).fill({ ...plain[0], replayed: true }))
  const again = { type: 'credit', from: 'ann', to: '', amount: 1n, reference: undefined } as const
  const next = await ask(clients[0] as NatsConnection, { ...again, transaction_id: 'next' })
  expect(next).toMatchObject({ code: 'done', at: [{ balance: 8n, version: 2 }] })
})

it('transfers among 20 accounts through two instances while the leader steps down: the total is exact', async () => {
  const cluster = await startTestCluster()
  bench.atEnd(() => cluster.stop())
  const { env } = await environment(bench, cluster.url, 3)
  await serve(bench, env, 'projections')
  await Promise.all([serve(bench, env, 'commands'), serve(bench, env, 'commands')])
  const clients = await connections(cluster.url)
  const nc = await bench.connect(cluster.url)
  const exchanges: Exchange[] = []
  await fund(clients, exchanges)

  let begun = 0
  const load = runClients(
    clients,
    () => (begun < TRANSFERS ? nth(begun++, ['transfer']) : undefined),
    exchanges,
  )
  for (let down = 1; down <= STEP_DOWNS; down += 1) {
    const answered = ACCOUNTS + Math.floor((down * TRANSFERS) / (STEP_DOWNS + 1))
    await until(() => exchanges.length >= answered, {
      deadline_ms: ANSWERED_MS_MAX,
      what: `${answered} answers`,
    })
    await nc.request('$JS.API.STREAM.LEADER.STEPDOWN.customer-balances', undefined, { timeout: 5_000 })
  }
  await load
  await settleOpen(nc, exchanges)
  const { balances } = await expectExact(nc, exchanges)
  expect([...balances.values()].reduce((sum, balance) => sum + balance, 0n)).toBe(FUNDS * BigInt(ACCOUNTS))
  expect(exchanges.filter(({ answer }) => answer.code === 'INTERNAL_ERROR')).toEqual([])
  expect(exchanges.filter(({ answer }) => answer.code === 'done').length).toBeGreaterThan(TRANSFERS / 4)
})
