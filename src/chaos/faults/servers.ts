/** Lists the faults of the nats-servers and of the network between them. */

import { findServerBinary } from '../../embedded/binaries.js'
import { NODE_NAMES, type NodeName } from '../cluster.js'
import { LEDGER_STREAM, type System } from '../system.js'
import type { EndFault, Fault, FaultContext } from './fault.js'
import { repeat } from './repeat.js'

const LEADER_MS_MAX = 20_000
const WHOLE_MS_MAX = 60_000
const STEP_DOWN_EVERY_MS = 2_000
const STEP_DOWN_MS_MAX = 1_000

const leaderOf = ({ cluster }: System): Promise<NodeName> => cluster.untilLed(LEDGER_STREAM, LEADER_MS_MAX)

const followerOf = async ({ system, random }: FaultContext): Promise<NodeName> => {
  const leader = await leaderOf(system)
  return random.pick(NODE_NAMES.filter(name => name !== leader))
}

const stepDown = async ({ nc }: System): Promise<void> => {
  const subject = `$JS.API.STREAM.LEADER.STEPDOWN.${LEDGER_STREAM}`
  // during an election there is no leader to step down
  await nc.request(subject, '', { timeout: STEP_DOWN_MS_MAX }).catch(() => undefined)
}

const fillDisk = async (context: FaultContext): Promise<EndFault> => {
  const { cluster, disks } = context.system
  const node = cluster.nodes[context.random.pick(NODE_NAMES)]
  if (!('fill' in disks)) throw new Error(disks.why_not)
  disks.fill(node.store_dir)
  return async () => {
    disks.free(node.store_dir)
    // nats-server switches JetStream off when its disk is full, and does not switch it on again by itself
    await node.end()
  }
}

/** Restarts the nodes one after the other, the leader last. Each node has to be complete again before the next one ends. */
const restartAll = async ({ cluster }: System): Promise<void> => {
  const leader = await cluster.leader(LEDGER_STREAM)
  const order = NODE_NAMES.toSorted((one, other) => Number(one === leader) - Number(other === leader))
  for (const name of order) {
    await cluster.nodes[name].end()
    await cluster.nodes[name].start(findServerBinary('nats-server'))
    await cluster.untilWhole(WHOLE_MS_MAX)
  }
}

const rollingRestart = async ({ system }: FaultContext): Promise<EndFault> => {
  const rolling = restartAll(system)
  // a failure is reported at the end of the fault; until then nothing awaits this promise
  rolling.catch(() => undefined)
  return () => rolling
}

export const SERVER_FAULTS: readonly Fault[] = [
  {
    name: 'partition-leader',
    what: "the stream's leader is cut off from the other nodes, and not from its clients",
    for_ms: [12_000, 20_000],
    begin: async ({ system }) => {
      system.cluster.cut(await leaderOf(system))
      return undefined
    },
  },
  {
    name: 'partition-follower',
    what: 'a follower is cut off from the other nodes, and not from its clients',
    for_ms: [12_000, 20_000],
    begin: async context => {
      context.system.cluster.cut(await followerOf(context))
      return undefined
    },
  },
  {
    name: 'kill-leader',
    what: "the stream's leader is killed with -9, and started again later",
    for_ms: [8_000, 12_000],
    begin: async ({ system }) => {
      await system.cluster.nodes[await leaderOf(system)].kill()
      return undefined
    },
  },
  {
    name: 'freeze-leader',
    what: "the stream's leader is stopped with SIGSTOP, and goes on later",
    for_ms: [10_000, 16_000],
    begin: async ({ system }) => {
      system.cluster.nodes[await leaderOf(system)].freeze()
      return undefined
    },
  },
  {
    name: 'kill-cluster',
    what: 'all nodes are killed with -9 and started again at once',
    for_ms: [200, 1_000],
    begin: async ({ system }) => {
      await Promise.all(NODE_NAMES.map(name => system.cluster.nodes[name].kill()))
      return undefined
    },
  },
  {
    name: 'step-downs',
    what: "the stream's leader is told to step down every two seconds",
    for_ms: [10_000, 15_000],
    begin: async ({ system }) => repeat(STEP_DOWN_EVERY_MS, () => stepDown(system)),
  },
  {
    name: 'wipe-follower',
    what: 'a follower is killed, loses its disk, and starts empty',
    for_ms: [5_000, 8_000],
    begin: async context => {
      const node = context.system.cluster.nodes[await followerOf(context)]
      await node.kill()
      node.wipe()
      await node.start()
      return undefined
    },
  },
  {
    name: 'stale-follower',
    what: 'a follower is away for a long time and has much to catch up',
    for_ms: [25_000, 35_000],
    begin: async context => {
      await context.system.cluster.nodes[await followerOf(context)].end()
      return undefined
    },
  },
  {
    name: 'disk-full',
    what: 'the disk of one node is full; later there is room again, and the node is restarted',
    for_ms: [8_000, 12_000],
    obstacle: ({ disks }) => ('why_not' in disks ? disks.why_not : undefined),
    begin: fillDisk,
  },
  {
    name: 'restart-servers',
    what: 'the nats-servers are restarted one after the other: upgraded, where they began with another program',
    for_ms: [15_000, 20_000],
    begin: rollingRestart,
  },
]
