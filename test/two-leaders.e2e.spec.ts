// has a cluster of its own: one of its servers is cut off until the others have a leader without it
/** While two servers believe that they lead, a refusal based on the wrong one is not taken as true. */

import { connect, type NatsConnection } from 'nats'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Cluster, NODE_NAMES, type NodeName, startCluster } from '../src/chaos/cluster.js'
import type { CommandDeps } from '../src/commands/deps.js'
import type { Coordinator } from '../src/commands/group-commit/coordinator.js'
import type { Outcome } from '../src/commands/outcome.js'
import { TE } from '../src/fp.js'
import { manager, provision } from '../src/stream/provision.js'
import { LEDGER_STREAM } from '../src/stream/settings.js'
import { createTablesClient } from '../src/tables/client.js'
import { codeOf, coordinatorRoom, movement, storedFrom } from './support/coordinators.js'
import { createElectionNetwork, type ElectionNetwork } from './support/held-elections.js'
import { LOCAL, right } from './support/ledger.js'
import { createLedgerTable } from './support/ledger-table.js'
import { newFolder, removeFolder, startTestDynamodb, type TestDynamodb, until } from './support/servers.js'

const LED_MS_MAX = 40_000
const ROUNDS = 3
/** The debits of a round, and the time over which they are spread: as long as two servers may lead. */
const DEBITS = 240
const SPREAD_MS = 1_200
const TABLE = 'ledger'

const room = coordinatorRoom()
let folder: string
let network: ElectionNetwork
let cluster: Cluster
let dynamodb: TestDynamodb
let tables: ReturnType<typeof createTablesClient>
const connections: NatsConnection[] = []

beforeAll(async () => {
  folder = newFolder()
  network = createElectionNetwork()
  cluster = await startCluster({ folder, network, client_groups: ['mine'], sync_interval: '2m' })
  dynamodb = await startTestDynamodb()
  tables = createTablesClient({ endpoint: dynamodb.endpoint, ...LOCAL })
  await createLedgerTable(tables, TABLE)
  const nc = await clientOf('nats-1')
  await until(() => right(provision(nc, { replicas: 3 })), { deadline_ms: LED_MS_MAX, what: 'the streams' })
})
afterAll(async () => {
  network?.heal()
  await room.stopAll()
  await Promise.all(connections.map(nc => nc.close()))
  tables?.destroy()
  await dynamodb?.stop()
  await cluster?.stop()
  await network?.close()
  removeFolder(folder)
})

/** A client of one node. */
const clientOf = async (name: NodeName): Promise<NatsConnection> => {
  const servers = cluster.urls('mine')[NODE_NAMES.indexOf(name)] ?? ''
  const nc = await connect({ servers, maxReconnectAttempts: -1, reconnectTimeWait: 50 })
  connections.push(nc)
  return nc
}

const coordinatorAt = async (name: NodeName): Promise<Coordinator> => {
  const nc = await clientOf(name)
  const deps: CommandDeps = {
    nc,
    jsm: await right(manager(nc)),
    tables,
    table: TE.right(TABLE),
    log: pino({ level: 'silent' }),
  }
  return room.start(deps, { timeout_ms: 3_000 })
}

type Debit = { readonly transaction_id: string; readonly outcome: Outcome }

/** Debits the whole balance of many customers, while the former leader and its successor both get the messages. */
const debitAll = async (coordinator: Coordinator, round: number): Promise<Debit[]> => {
  const debits: Promise<Debit>[] = []
  const began_ms = performance.now()
  for (let i = 0; i < DEBITS; i += 1) {
    await until(() => performance.now() - began_ms >= (i * SPREAD_MS) / DEBITS, {
      deadline_ms: SPREAD_MS,
      what: 'the next debit',
    })
    const debit = movement('debit', `r${round}-${i}`, 10)
    const asked = coordinator.submit(debit, false)
    debits.push(asked.then(outcome => ({ transaction_id: debit.transaction_id, outcome })))
  }
  return Promise.all(debits)
}

/** Credits many customers. A credit that was sent while the servers still elected may stay without an answer, so it is sent again. */
const creditAll = async (coordinator: Coordinator, round: number): Promise<void> => {
  const credits = Array.from({ length: DEBITS }, (_, i) => movement('credit', `r${round}-${i}`, 10))
  const areDone = async (): Promise<boolean> => {
    const outcomes = await Promise.all(credits.map(credit => coordinator.submit(credit, true)))
    return outcomes.every(outcome => codeOf(outcome) === 'done')
  }
  await until(areDone, { deadline_ms: LED_MS_MAX, what: 'credits that are all acknowledged' })
}

it('of every debit that is answered with a failure nothing is stored, and what is acknowledged is stored once', async () => {
  const debits: Debit[] = []
  let between: NodeName = 'nats-1'
  for (let round = 0; round < ROUNDS; round += 1) {
    const former = await cluster.untilLed(LEDGER_STREAM, LED_MS_MAX)
    cluster.cut(former)
    const leader = await cluster.untilLed(LEDGER_STREAM, LED_MS_MAX, former)
    between = NODE_NAMES.find(name => name !== former && name !== leader) ?? between
    const coordinator = await coordinatorAt(between)
    // the former leader does not know these credits
    await creditAll(coordinator, round)
    // the events get through again before the servers learn of the election
    network.hold(former)
    network.heal()
    debits.push(...(await debitAll(coordinator, round)))
    network.hold(undefined)
    await cluster.untilWhole(LED_MS_MAX)
  }
  const jsm = await right(manager(await clientOf(between)))
  await cluster.untilLed(LEDGER_STREAM, LED_MS_MAX)
  const times = new Map<string, number>()
  for (const { msg_id } of await until(() => storedFrom(jsm, 1), {
    deadline_ms: LED_MS_MAX,
    what: 'the stream',
  }))
    times.set(msg_id, (times.get(msg_id) ?? 0) + 1)
  const wrong = debits.flatMap(({ transaction_id, outcome }) => {
    const [stored, code] = [times.get(transaction_id) ?? 0, codeOf(outcome)]
    const isRight = code === 'OUTCOME_UNKNOWN' ? stored <= 1 : stored === (code === 'done' ? 1 : 0)
    return isRight ? [] : [`answered ${code}, and stored ${stored} times`]
  })
  expect(wrong).toEqual([])
  expect([...times].filter(([, stored]) => stored > 1)).toEqual([])
})
