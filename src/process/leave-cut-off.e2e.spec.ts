// this spec needs a cluster of its own, because it cuts the links
import { setTimeout as sleep } from 'node:timers/promises'
import { Empty, type NatsConnection } from 'nats'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { right } from '../../test/support/ledger.js'
import { newFolder, removeFolder, until } from '../../test/support/servers.js'
import { type Cluster, NODE_NAMES, type NodeName, startCluster } from '../chaos/cluster.js'
import { createNetwork, type Network } from '../chaos/network.js'
import { E } from '../fp.js'
import { createHealth, type Health } from '../health.js'
import { metrics } from '../metrics.js'
import { leadershipOf } from '../stream/leadership.js'
import { provision } from '../stream/provision.js'
import { LEDGER_STREAM } from '../stream/settings.js'
import { decodeConfig } from './config.js'
import { type Proves, provesLeader } from './leave-cut-off.js'
import { connectForEver } from './nats.js'

const WHOLE_MS_MAX = 30_000
/** A missing proof is noticed within 3.5 s, and an election takes 4 to 9 s. */
const LEFT_MS_MAX = 15_000
const SOON_MS_MAX = 6_000
/** Several looks at the servers. */
const LOOKS_MS = 3_000

let folder: string
let network: Network
let cluster: Cluster
let health: Health
let nc: NatsConnection
let other: NatsConnection

const connectFrom = async (group: string, proves: Proves = provesLeader): Promise<NatsConnection> => {
  const config = decodeConfig({ NATS_URL: cluster.urls(group).join(','), JETLEDGER_REPLICAS: '3' })
  if (E.isLeft(config)) throw new Error(config.left)
  return connectForEver(config.right, pino({ level: 'silent' }), health, proves)
}

beforeAll(async () => {
  folder = newFolder()
  network = createNetwork()
  cluster = await startCluster({ folder, network, client_groups: ['mine', 'other'], sync_interval: '2m' })
})
afterAll(async () => {
  await cluster?.stop()
  await network.close()
  removeFolder(folder)
})
beforeEach(async () => {
  health = createHealth(() => undefined)
  nc = await connectFrom('mine')
  other = await connectFrom('other')
  await until(() => right(provision(nc, { replicas: 3 })), { deadline_ms: WHOLE_MS_MAX, what: 'the streams' })
  await until(() => right(leadershipOf(nc).prove()), { deadline_ms: WHOLE_MS_MAX, what: 'a proof' })
})
afterEach(async () => {
  network.heal()
  await Promise.all([nc, other].map(each => each.close()))
  await cluster.untilWhole(WHOLE_MS_MAX)
})

const serverOf = ({ info }: NatsConnection): NodeName =>
  NODE_NAMES.find(name => name === info?.server_name) ?? 'nats-1'

/** Makes the server of the connection, or another server, the leader. */
const letLead = async (isOwn: boolean): Promise<void> => {
  const own = serverOf(nc)
  await until(
    async () => {
      const leader = await cluster.leader(LEDGER_STREAM)
      if (leader !== undefined && (leader === own) === isOwn) return true
      await nc.request(`$JS.API.STREAM.LEADER.STEPDOWN.${LEDGER_STREAM}`, Empty, { timeout: 1_000 })
      return false
    },
    { deadline_ms: WHOLE_MS_MAX, what: `a leader that is ${isOwn ? '' : 'not '}${own}` },
  )
}

const changes = async (): Promise<number> =>
  Number(/^jetledger_left_servers_total (\d+)$/m.exec(await metrics.text())?.[1] ?? 0)

/** Waits until the connection leads to another server that gives the proof. */
const untilLeft = async (left: NodeName, deadline_ms: number): Promise<void> => {
  await until(async () => serverOf(nc) !== left && (await right(leadershipOf(nc).prove(500))), {
    deadline_ms,
    what: `${left} to be left for a server that has a leader`,
  })
}

it.each([
  ['a follower', false, SOON_MS_MAX],
  ['the leader', true, LEFT_MS_MAX],
] as const)(
  '%s that is cut off from the others is left, and what was subscribed hears again',
  async (_, isLeader, deadline_ms) => {
    await letLead(isLeader)
    const own = serverOf(nc)
    const before = await changes()
    nc.subscribe('question', { queue: 'q', callback: (_, msg) => nc.publish(msg.reply ?? '', 'answer') })
    cluster.cut(own)
    await untilLeft(own, deadline_ms)
    expect(await changes()).toBeGreaterThan(before)
    const reply = await until(
      async () => serverOf(other) !== own && (await other.request('question', '', { timeout: 500 })),
      {
        deadline_ms,
        what: 'an answer from where it went',
      },
    )
    expect(reply.string()).toBe('answer')
    await until(() => health.read().parts.nats?.state === 'ok', {
      deadline_ms,
      what: 'health to be good again',
    })
  },
)

it('a server to which the link is cut is left, although much waits to be sent there', async () => {
  await letLead(false)
  const own = serverOf(nc)
  network.part('mine', own)
  // more bytes than all buffers on the way hold, so that later messages are never sent
  for (let times = 0; times < 64; times += 1) nc.publish('nobody', new Uint8Array(500_000))
  await untilLeft(own, SOON_MS_MAX)
})

/** Counts the changes of server that were made on purpose. */
const countLeaving = (): (() => number) => {
  let times = 0
  const follow = async (): Promise<void> => {
    for await (const { type } of nc.status()) if (type === 'forceReconnect') times += 1
  }
  void follow()
  return () => times
}

it('stays where it is while no server has a quorum', async () => {
  const own = serverOf(nc)
  const leaving = countLeaving()
  const others = NODE_NAMES.filter(name => name !== own)
  const detail = (): string => health.read().parts.nats?.detail ?? ''
  await other.close()
  for (const name of others) cluster.nodes[name].freeze()
  try {
    await until(() => detail().startsWith('no server proves'), {
      deadline_ms: LEFT_MS_MAX,
      what: 'health to say so',
    })
    expect(health.read().parts.nats?.state).toBe('degraded')
    await sleep(LOOKS_MS)
    expect([leaving(), serverOf(nc)]).toEqual([0, own])
  } finally {
    for (const name of others) cluster.nodes[name].thaw()
  }
  // the two others may elect a leader before this one is with them again: then it is right to go to one of them
  await until(() => health.read().parts.nats?.state === 'ok', {
    deadline_ms: WHOLE_MS_MAX,
    what: 'a proof again',
  })
})

it('stays where it is when a leader is elected while it looks at the others', async () => {
  let is_led = false
  let own = ''
  const proves: Proves = async connection => {
    if (connection.info?.server_name === own) return is_led
    // another server always answers after this one was asked, and that is when there is a leader
    is_led = own !== ''
    return is_led
  }
  await nc.close()
  nc = await connectFrom('mine', proves)
  own = serverOf(nc)
  const leaving = countLeaving()
  await until(() => is_led, { deadline_ms: SOON_MS_MAX, what: 'a look at the others' })
  await until(() => health.read().parts.nats?.state === 'ok', {
    deadline_ms: SOON_MS_MAX,
    what: 'a proof again',
  })
  expect([leaving(), serverOf(nc)]).toEqual([0, own])
})
