/** The command side as its clients meet it, while its processes are killed and while the stream's leader changes. */

import type { NatsConnection } from 'nats'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type Exchange, expectExact, runClients, settleOpen } from '../support/clients.js'
import { startDynamodbProcess } from '../support/dynamodb-process.js'
import type { Request } from '../support/model.js'
import { openWorkbench, type Program, untilReady, type Workbench } from '../support/program.js'
import { startTestCluster, startTestNats, until } from '../support/servers.js'

const KILLS = 5
const CLIENTS = 16
const ACCOUNTS = 20
const FUNDS = 1_000n
const ANSWERED_MS_MAX = 30_000
const TRANSFERS = 3_000
const STEP_DOWNS = 6

let bench: Workbench
beforeEach(() => {
  bench = openWorkbench()
})
afterEach(() => bench.end())

type Env = Readonly<Record<string, string>>

const environment = async (nats_url: string, replicas: number): Promise<Env> => {
  const dynamodb = await startDynamodbProcess(bench.folder)
  bench.atEnd(() => dynamodb.kill())
  return {
    NATS_URL: nats_url,
    AWS_ENDPOINT_URL_DYNAMODB: dynamodb.endpoint,
    AWS_REGION: 'local',
    AWS_ACCESS_KEY_ID: 'dummy',
    AWS_SECRET_ACCESS_KEY: 'dummy',
    JETLEDGER_REPLICAS: String(replicas),
    HTTP_PORT: '0',
  }
}

const serve = async (env: Env, roles: string): Promise<Program> => {
  const program = bench.start(['serve'], { ...env, JETLEDGER_ROLES: roles })
  await untilReady(program, `${roles} to be ready`, async () => {
    const port = /http:\/\/[\d.]+:(\d+)\/healthz/.exec(program.stderr())?.[1]
    if (port === undefined) return false
    return roles !== 'commands' || program.stderr().includes('customer.transfer')
  })
  return program
}

const connections = (url: string): Promise<NatsConnection[]> =>
  Promise.all(Array.from({ length: CLIENTS }, () => bench.connect(url)))

const account = (n: number): string => `acc-${n % ACCOUNTS}`

/** The first command of every account: its funds. */
const funding = (): Request[] =>
  Array.from({ length: ACCOUNTS }, (_, i) => ({
    type: 'credit',
    from: account(i),
    to: '',
    amount: FUNDS,
    reference: undefined,
    transaction_id: `fund-${i}`,
  }))

/** The `n`th command of a load: the same one in every run; many are refused, because amounts are large. */
const nth = (n: number, types: readonly Request['type'][]): Request => ({
  type: types[n % types.length] ?? 'transfer',
  from: account(n * 7),
  to: account(n * 7 + 1 + (n % (ACCOUNTS - 1))),
  amount: BigInt(1 + ((n * 389) % 700)),
  reference: undefined,
  transaction_id: `load-${n}`,
})

const fund = async (clients: readonly NatsConnection[], exchanges: Exchange[]): Promise<void> => {
  const waiting = funding()
  await runClients(clients, () => waiting.shift(), exchanges)
  expect(exchanges.map(({ answer }) => answer.code)).toEqual(Array(ACCOUNTS).fill('done'))
}

it('a command process is killed with -9 again and again: every answer is what the stream says, and none is missing', async () => {
  const nats = await startTestNats()
  bench.atEnd(() => nats.stop())
  const env = await environment(nats.url, 1)
  await serve(env, 'projections')
  let running = await serve(env, 'commands')
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
    running = await serve(env, 'commands')
  }
  stopped = true
  await load
  expect(await settleOpen(clients[0] ?? (await bench.connect(nats.url)), exchanges)).toBeGreaterThan(0)
  await expectExact(clients[0] ?? (await bench.connect(nats.url)), exchanges)
})

it('transfers among 20 accounts through two instances while the leader steps down: the total is exact', async () => {
  const cluster = await startTestCluster()
  bench.atEnd(() => cluster.stop())
  const env = await environment(cluster.url, 3)
  await serve(env, 'projections')
  await Promise.all([serve(env, 'commands'), serve(env, 'commands')])
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
