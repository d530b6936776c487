import { jetstream, jetstreamManager, type StreamInfo } from '@nats-io/jetstream'
import { connect, type NatsConnection } from 'nats'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startTestCluster, type TestCluster, until } from '../../test/support/servers.js'

const ELECTION_DEADLINE_MS = 30_000

let cluster: TestCluster
let nc: NatsConnection
beforeAll(async () => {
  cluster = await startTestCluster()
  nc = await connect({ servers: cluster.url.split(','), maxReconnectAttempts: -1, reconnectTimeWait: 50 })
})
afterAll(async () => {
  await nc?.close()
  await cluster?.stop()
})

const info = async (): Promise<StreamInfo> =>
  (await jetstreamManager(nc, { checkAPI: false })).streams.info('kept')

/** Sends the same message id until it is acknowledged: whatever the failed attempts did, it is stored once. */
const write = (id: string) =>
  until(() => jetstream(nc).publish('kept', id, { msgID: id, timeout: 1_000 }), {
    deadline_ms: ELECTION_DEADLINE_MS,
    what: `the stream to take "${id}"`,
  })

it('a stream of three replicas loses its leader to kill -9, goes on, and has three again', async () => {
  expect(cluster.names).toEqual(['nats-1', 'nats-2', 'nats-3'])
  const manager = await jetstreamManager(nc)
  const { cluster: group } = await manager.streams.add({ name: 'kept', subjects: ['kept'], num_replicas: 3 })
  // the other nodes learn of a new stream or leader a moment later, and until then no node takes the write
  await write('before')

  const leader = group?.leader ?? ''
  const former = cluster.pid(leader)
  cluster.kill(leader)
  await write('after')
  await until(() => cluster.pid(leader) !== former, {
    deadline_ms: ELECTION_DEADLINE_MS,
    what: `${leader} to come back`,
  })
  await until(
    async () => (await info()).cluster?.replicas?.every(({ current, offline }) => current && !offline),
    {
      deadline_ms: ELECTION_DEADLINE_MS,
      what: 'both followers to be current',
    },
  )
  const { cluster: healed, state } = await info()
  expect([healed?.leader, ...(healed?.replicas ?? []).map(({ name }) => name)].toSorted()).toEqual(
    cluster.names,
  )
  expect(state.messages).toBe(2)
})
