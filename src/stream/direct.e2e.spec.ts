// has a cluster of its own: one of its servers is stopped and goes on
import { connect, type NatsConnection } from 'nats'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { right } from '../../test/support/ledger.js'
import { startTestCluster, type TestCluster, until } from '../../test/support/servers.js'
import { provision, streamInfo } from './provision.js'
import { publish } from './publish.js'
import { lastRecorded } from './read.js'
import { LEDGER_STREAM } from './settings.js'

const DEADLINE_MS = 30_000
/** A read that was sent again takes at least this time. */
const AGAIN_MS = 200
/** Even a read that got no answer a few times takes less than this time. */
const SLOW_MS = 1_000
const AGAIN_READS_MIN = 3

let cluster: TestCluster
let nc: NatsConnection
beforeAll(async () => {
  cluster = await startTestCluster()
  nc = await connect({ servers: cluster.url.split(','), maxReconnectAttempts: -1, reconnectTimeWait: 50 })
  await until(() => right(provision(nc, { replicas: 3 })), { deadline_ms: DEADLINE_MS, what: 'the streams' })
})
afterAll(async () => {
  await nc?.close()
  await cluster?.stop()
})

const leader = async (): Promise<string> => (await right(streamInfo(nc, LEDGER_STREAM))).cluster?.leader ?? ''

/**
 * Makes another server the leader. Gives the former leader, a replica that reads still reach; we are connected to
 * another.
 */
const formerLeader = async (): Promise<string> => {
  const own = nc.info?.server_name
  const [former] = await until(
    async () => {
      const before = await leader()
      await nc.request(`$JS.API.STREAM.LEADER.STEPDOWN.${LEDGER_STREAM}`, '', { timeout: 1_000 })
      const after = await until(async () => (await leader()) || undefined, {
        deadline_ms: DEADLINE_MS,
        what: 'another leader',
      })
      return before !== '' && before !== own && after !== before && ([before] as const)
    },
    { deadline_ms: DEADLINE_MS, what: 'a leader that is another server, and gives it up' },
  )
  return former
}

it('a replica that is frozen, or behind a cut, costs a direct read a moment and not its answer', async () => {
  const event = { subject: 'customer.balance.a', body: 'newest' }
  await until(() => right(publish(nc, event, 1_000)), { deadline_ms: DEADLINE_MS, what: 'an event' })
  const frozen = cluster.pid(await formerLeader())
  process.kill(frozen, 'SIGSTOP')
  const took_ms: number[] = []
  const read = async (): Promise<boolean> => {
    const began_ms = performance.now()
    const found = await right(lastRecorded(nc, LEDGER_STREAM, [event.subject]))
    took_ms.push(performance.now() - began_ms)
    expect(found.get(event.subject)?.seq).toBeGreaterThan(0)
    return took_ms.filter(ms => ms > AGAIN_MS).length >= AGAIN_READS_MIN
  }
  try {
    await until(read, {
      deadline_ms: DEADLINE_MS,
      what: 'the frozen server to get its share of the questions',
    })
  } finally {
    process.kill(frozen, 'SIGCONT')
  }
  expect(Math.max(...took_ms)).toBeLessThan(SLOW_MS)
})
