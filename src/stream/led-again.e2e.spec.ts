// has a cluster of its own, whose leader is frozen
import { setTimeout as sleep } from 'node:timers/promises'
import { connect, type NatsConnection } from 'nats'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { left, right } from '../../test/support/ledger.js'
import { newFolder, removeFolder, until } from '../../test/support/servers.js'
import { type Cluster, NODE_NAMES, startCluster } from '../chaos/cluster.js'
import { createNetwork, type Network } from '../chaos/network.js'
import { E } from '../fp.js'
import { leadershipOf } from './leadership.js'
import { unlessLedAgain } from './led-again.js'
import { provision } from './provision.js'
import { publish } from './publish.js'
import { LEDGER_STREAM } from './settings.js'

const DEADLINE_MS = 30_000
/** Far more than an election takes. */
const TIMEOUT_MS = 25_000
const LATER_MS_MAX = 1_500

let folder: string
let network: Network
let cluster: Cluster
let nc: NatsConnection
beforeAll(async () => {
  folder = newFolder()
  network = createNetwork()
  cluster = await startCluster({ folder, network, client_groups: ['mine'], sync_interval: '2m' })
  const urls = cluster.urls('mine')
  nc = await connect({ servers: urls[0] ?? '' })
  await until(() => right(provision(nc, { replicas: 3 })), { deadline_ms: DEADLINE_MS, what: 'the streams' })
})
afterAll(async () => {
  await nc?.close()
  await cluster?.stop()
  await network.close()
  removeFolder(folder)
})

const EVENT = { subject: 'customer.balance.a', body: '{"type":"credit","amount":1}' }

// first, while the leader stays: a leader that comes back after the other test may be elected once more
it('an answer that is late only is waited for', async () => {
  const answer = async () => {
    await sleep(1_000)
    return E.right('late')
  }
  await until(() => right(leadershipOf(nc).prove()), { deadline_ms: DEADLINE_MS, what: 'a proof' })
  expect(await right(unlessLedAgain(nc, answer))).toBe('late')
})

it('a write that was lost with the leader is known to be as soon as another one leads', async () => {
  const leader = await until(
    async () => {
      const found = await cluster.leader(LEDGER_STREAM)
      // the connection stays: only the leader behind its server is lost
      if (found !== undefined && found !== NODE_NAMES[0]) return found
      await nc.request(`$JS.API.STREAM.LEADER.STEPDOWN.${LEDGER_STREAM}`, '', { timeout: 1_000 })
      return undefined
    },
    { deadline_ms: DEADLINE_MS, what: 'a leader that is another server' },
  )
  await until(() => right(leadershipOf(nc).prove()), { deadline_ms: DEADLINE_MS, what: 'a proof' })
  cluster.nodes[leader].freeze()
  try {
    const lost = left(unlessLedAgain(nc, publish(nc, EVENT, TIMEOUT_MS))).then(error => ({
      error,
      known_ms: performance.now(),
    }))
    await until(() => right(publish(nc, EVENT, 200)), { deadline_ms: DEADLINE_MS, what: 'a write' })
    const taken_ms = performance.now()
    const { error, known_ms } = await lost
    expect(error).toMatchObject({ tag: 'TryAgain', message: expect.stringContaining('another leader') })
    expect(known_ms - taken_ms).toBeLessThan(LATER_MS_MAX)
  } finally {
    cluster.nodes[leader].thaw()
  }
})
