/** A leader is cut off from the two other nodes and comes back, while the stream goes on without it. */

import { setTimeout as pause } from 'node:timers/promises'
import { connect, type NatsConnection } from 'nats'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Cluster, NODE_NAMES, type NodeName, startCluster } from '../src/chaos/cluster.js'
import { createNetwork, type Network } from '../src/chaos/network.js'
import { lastProved } from '../src/stream/last.js'
import { leadershipOf } from '../src/stream/leadership.js'
import { manager, provision } from '../src/stream/provision.js'
import { LEDGER_STREAM } from '../src/stream/settings.js'
import { right } from './support/ledger.js'
import { newFolder, removeFolder, until } from './support/servers.js'

const ELECTED_MS_MAX = 30_000
const ROUNDS = 1
/** Longer than the replicas need to elect another leader. */
const CUT_MS = 11_000
const AFTER_HEALING_MS = 3_000
const ASK_EVERY_MS = 5

let folder: string
let network: Network
let cluster: Cluster
const connections: NatsConnection[] = []

beforeAll(async () => {
  folder = newFolder()
  network = createNetwork()
  cluster = await startCluster({ folder, network, client_groups: ['mine'], sync_interval: '2m' })
  const nc = await clientOf('nats-1')
  await until(() => right(provision(nc, { replicas: 3 })), {
    deadline_ms: ELECTED_MS_MAX,
    what: 'three servers that take a stream',
  })
})

afterAll(async () => {
  await Promise.all(connections.map(nc => nc.close()))
  await cluster?.stop()
  await network.close()
  removeFolder(folder)
})

const clientOf = async (name: NodeName): Promise<NatsConnection> => {
  const nc = await connect({ servers: cluster.urls('mine')[NODE_NAMES.indexOf(name)] ?? '' })
  connections.push(nc)
  return nc
}

/** Starts publishing until it is stopped; returns access to the last acknowledged sequence. */
const startWriter = async (avoid: NodeName) => {
  const nc = await clientOf(NODE_NAMES.find(name => name !== avoid) ?? 'nats-1')
  let acknowledged = 0
  let isStopped = false
  const write = async (): Promise<void> => {
    while (!isStopped) {
      try {
        const { data } = await nc.request('customer.balance.writer', '{}', { timeout: 300 })
        acknowledged = Math.max(acknowledged, JSON.parse(new TextDecoder().decode(data)).seq ?? 0)
      } catch {
        // no leader at the moment
      }
      await pause(2)
    }
  }
  const ended = write()
  return {
    acknowledged: () => acknowledged,
    stop: () => {
      isStopped = true
      return ended
    },
  }
}

type Seen = { asked: number; stale: number }

/** Asks repeatedly until `until_ms`; counts the answers that lack an event acknowledged before the question. */
const watch = async (
  until_ms: number,
  acknowledged: () => number,
  ask: () => Promise<number | undefined>,
): Promise<Seen> => {
  const seen = { asked: 0, stale: 0 }
  while (performance.now() < until_ms) {
    const known = acknowledged()
    const told = await ask()
    if (told !== undefined) {
      seen.asked += 1
      if (told < known) seen.stale += 1
    }
    await pause(ASK_EVERY_MS)
  }
  return seen
}

it('proves nothing that is older than what was acknowledged, where plain answers are', async () => {
  const plain = { asked: 0, stale: 0 }
  for (let round = 0; round < ROUNDS; round += 1) {
    const old = await cluster.untilLed(LEDGER_STREAM, ELECTED_MS_MAX)
    const nc = await clientOf(old)
    const jsm = await right(manager(nc))
    const writer = await startWriter(old)
    const until_ms = performance.now() + CUT_MS + AFTER_HEALING_MS
    const watched = Promise.all([
      watch(until_ms, writer.acknowledged, async () => {
        const proved = await leadershipOf(nc).prove(200)()
        return proved._tag === 'Right' ? proved.right.last_seq : undefined
      }),
      watch(until_ms, writer.acknowledged, async () => {
        const proved = await lastProved(nc, ['customer.balance.writer'], 200)()
        if (proved._tag === 'Left') return undefined
        return proved.right.last.get('customer.balance.writer')?.seq ?? 0
      }),
      watch(until_ms, writer.acknowledged, () =>
        jsm.streams.info(LEDGER_STREAM).then(
          ({ state }) => state.last_seq,
          () => undefined,
        ),
      ),
    ])
    await pause(200)
    cluster.cut(old)
    await pause(CUT_MS)
    network.heal()
    const [proofs, lasts, answers] = await watched
    await writer.stop()
    expect(writer.acknowledged()).toBeGreaterThan(0)
    expect({ proofs: proofs.stale, lasts: lasts.stale }).toEqual({ proofs: 0, lasts: 0 })
    expect(proofs.asked).toBeGreaterThan(10)
    expect(lasts.asked).toBeGreaterThan(10)
    plain.asked += answers.asked
    plain.stale += answers.stale
    await cluster.untilWhole(ELECTED_MS_MAX)
  }
  // otherwise no stale answer was possible, and the test proved nothing
  expect(plain.stale).toBeGreaterThan(10)
})
