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
/** When an election takes long, the old leader gives up before the late replies arrive; then the round is repeated. */
const ROUNDS_MAX = 4
const LATE_REPLIES_MS = 1_500
const AFTER_HEALING_MS = 2_000
const ASK_EVERY_MS = 5
/** A leader that was heard by a replica less long ago says so itself that it has not been replaced. */
const HEARD_NS_MAX = 3_500_000_000

let folder: string
let network: Network
let cluster: Cluster
const connections: NatsConnection[] = []

beforeAll(async () => {
  folder = newFolder()
  network = createNetwork()
  cluster = await startCluster({
    folder,
    network,
    client_groups: ['mine'],
    sync_interval: '2m',
    keeps_cut_routes: true,
  })
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

/** Asks until `signal` aborts; counts the answers that lack an event acknowledged before the question. */
const watch = async (
  signal: AbortSignal,
  acknowledged: () => number,
  ask: () => Promise<number | undefined>,
): Promise<Seen> => {
  const seen = { asked: 0, stale: 0 }
  while (!signal.aborted) {
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

/**
 * Cuts the leader off in such a way that replies to it are on their way: they arrive after the election, while nothing
 * tells the old leader of its successor yet.
 */
const cutWithLateReplies = async (old: NodeName, nc: NatsConnection): Promise<void> => {
  const others = NODE_NAMES.filter(name => name !== old)
  for (const other of others) network.cut(other, old)
  for (let sent = 0; sent < 20; sent += 1) nc.publish('customer.balance.late', '{}')
  await nc.flush()
  await pause(200)
  for (const other of others) network.cut(old, other)
  const leader = await cluster.untilLed(LEDGER_STREAM, ELECTED_MS_MAX, old)
  for (const other of others) if (other !== leader) network.mend(other, old)
  await pause(LATE_REPLIES_MS)
  network.heal()
  await pause(AFTER_HEALING_MS)
}

/** Watches one cut of the leader; `heard` are the answers of a leader that a replica seems to follow still. */
const watchCut = async () => {
  const old = await cluster.untilLed(LEDGER_STREAM, ELECTED_MS_MAX)
  const nc = await clientOf(old)
  const jsm = await right(manager(nc))
  const writer = await startWriter(old)
  const over = new AbortController()
  const watchOne = (ask: () => Promise<number | undefined>) => watch(over.signal, writer.acknowledged, ask)
  const watched = Promise.all([
    watchOne(async () => {
      const proved = await leadershipOf(nc).prove(200)()
      return proved._tag === 'Right' ? proved.right.last_seq : undefined
    }),
    watchOne(async () => {
      const proved = await lastProved(nc, ['customer.balance.writer'], 200)()
      if (proved._tag === 'Left') return undefined
      return proved.right.last.get('customer.balance.writer')?.seq ?? 0
    }),
    watchOne(async () => {
      const info = await jsm.streams.info(LEDGER_STREAM).catch(() => undefined)
      const is_heard = info?.cluster?.replicas?.some(({ active }) => active < HEARD_NS_MAX) === true
      return is_heard ? info?.state.last_seq : undefined
    }),
  ])
  await pause(1_000)
  await cutWithLateReplies(old, nc)
  over.abort()
  const [proofs, lasts, heard] = await watched
  await writer.stop()
  await cluster.untilWhole(ELECTED_MS_MAX)
  return { proofs, lasts, heard }
}

it('proves nothing that is older than what was acknowledged, where the answer itself suggests that it is not', async () => {
  for (let round = 1; ; round += 1) {
    const { proofs, lasts, heard } = await watchCut()
    expect({ proofs: proofs.stale, lasts: lasts.stale }).toEqual({ proofs: 0, lasts: 0 })
    expect(proofs.asked).toBeGreaterThan(10)
    expect(lasts.asked).toBeGreaterThan(10)
    // without such an answer no stale proof was possible, and the round showed nothing
    if (heard.stale > 10) break
    expect(round).toBeLessThan(ROUNDS_MAX)
  }
})
