import { JetStreamApiError, type JetStreamManager, jetstream, jetstreamManager } from '@nats-io/jetstream'
import { connect, type NatsConnection } from 'nats'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { newFolder, removeFolder, until } from '../../test/support/servers.js'
import { type Cluster, NODE_NAMES, type NodeName, startCluster } from './cluster.js'
import { createNetwork, type Network } from './network.js'

const ELECTED_MS_MAX = 30_000
const STREAM = 'kept'

let folder: string
let network: Network
let cluster: Cluster
const connections: NatsConnection[] = []

beforeAll(async () => {
  folder = newFolder()
  network = createNetwork()
  cluster = await startCluster({ folder, network, client_groups: ['mine'] })
})
afterAll(async () => {
  await cluster?.stop()
  await network.close()
  removeFolder(folder)
})

/** A client of one node, through the hop of its group. */
const clientOf = async (name: NodeName): Promise<NatsConnection> => {
  const nc = await connect({ servers: cluster.urls('mine')[NODE_NAMES.indexOf(name)] ?? '' })
  connections.push(nc)
  return nc
}

const managerAt = async (name: NodeName): Promise<JetStreamManager> =>
  jetstreamManager(await clientOf(name), { checkAPI: false, timeout: 1_000 })

let leader: NodeName
let seq: number
beforeEach(async () => {
  const manager = await managerAt('nats-1')
  const settings = { name: STREAM, subjects: [STREAM], num_replicas: 3 }
  // the meta leader counts a node that was cut off as offline until it hears from it, at most ten seconds later
  await until(() => manager.streams.add(settings), {
    deadline_ms: ELECTED_MS_MAX,
    what: 'a stream on all three nodes',
  })
  leader = await cluster.untilLed(STREAM, ELECTED_MS_MAX)
  seq = (await jetstream(await clientOf(leader)).publish(STREAM, 'before')).seq
})
/** A stream that is not there any more is deleted, whoever has heard of it. */
const unlessAbsent = (thrown: unknown): boolean => {
  if (thrown instanceof JetStreamApiError && thrown.code === STREAM_NOT_FOUND) return true
  throw thrown
}
const STREAM_NOT_FOUND = 10_059

afterEach(async () => {
  network.heal()
  await cluster.untilWhole(ELECTED_MS_MAX)
  const manager = await managerAt('nats-1')
  // the meta leader may be a node that goes on just now, and an answer of it may be lost
  await until(() => manager.streams.delete(STREAM).catch(unlessAbsent), {
    deadline_ms: ELECTED_MS_MAX,
    what: 'the stream to be deleted',
  })
  await Promise.all(connections.splice(0).map(nc => nc.close()))
})

it('a leader that is cut off goes on answering as if it led, the others elect one, and all agree after the healing', async () => {
  const old = await managerAt(leader)
  cluster.cut(leader)
  const elected = await cluster.untilLed(STREAM, ELECTED_MS_MAX, leader)
  const nc = await clientOf(elected)
  await until(() => jetstream(nc).publish(STREAM, 'meanwhile', { timeout: 500, msgID: 'meanwhile' }), {
    deadline_ms: ELECTED_MS_MAX,
    what: 'the other two to take a write',
  })
  const { state, cluster: group } = await old.streams.info(STREAM)
  expect({ last_seq: state.last_seq, leader: group?.leader }).toEqual({ last_seq: seq, leader })
  expect((await clientOf(leader)).info?.connect_urls).toBeUndefined()

  network.heal()
  await until(async () => (await old.streams.info(STREAM)).state.last_seq === seq + 1, {
    deadline_ms: ELECTED_MS_MAX,
    what: 'the former leader to have what was stored without it',
  })
})

it('clients that do not hear a node any more keep their connection, and have their answer after the healing', async () => {
  const nc = await clientOf(leader)
  network.cut(leader, 'mine')
  let isAnswered = false
  const answer = jetstream(nc)
    .publish(STREAM, 'late', { timeout: ELECTED_MS_MAX })
    .finally(() => {
      isAnswered = true
    })
  const other = await managerAt(NODE_NAMES.find(name => name !== leader) ?? leader)
  await until(async () => (await other.streams.info(STREAM)).state.last_seq === seq + 1, {
    deadline_ms: ELECTED_MS_MAX,
    what: 'what was asked to get through',
  })
  expect({ isAnswered, is_closed: nc.isClosed() }).toEqual({ isAnswered: false, is_closed: false })
  network.heal()
  expect((await answer).seq).toBe(seq + 1)
})

it('a node that is killed and wiped has everything again once it is started', async () => {
  const node = cluster.nodes[leader]
  await node.kill()
  expect(node.isRunning()).toBe(false)
  node.wipe()
  await node.start()
  await cluster.untilWhole(ELECTED_MS_MAX)
  const manager = await managerAt(leader)
  await until(
    async () => (await manager.streams.info(STREAM)).cluster?.replicas?.every(({ current }) => current),
    { deadline_ms: ELECTED_MS_MAX, what: 'every replica to be current' },
  )
  expect((await manager.streams.info(STREAM)).state.last_seq).toBe(seq)
})

it('a frozen leader is replaced, and follows when it goes on', async () => {
  cluster.nodes[leader].freeze()
  const elected = await cluster.untilLed(STREAM, ELECTED_MS_MAX, leader)
  expect(elected).not.toBe(leader)
  cluster.nodes[leader].thaw()
  await cluster.untilWhole(ELECTED_MS_MAX)
})
