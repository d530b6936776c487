// a cluster of its own, to which a node that the streams need never comes
import { connect, type NatsConnection } from 'nats'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { left } from '../../test/support/ledger.js'
import { startTestCluster, type TestCluster, until } from '../../test/support/servers.js'
import { provision } from './provision.js'

const SETTLED_MS_MAX = 30_000

let cluster: TestCluster
let nc: NatsConnection
beforeAll(async () => {
  cluster = await startTestCluster()
  nc = await connect({ servers: cluster.url.split(',') })
})
afterAll(async () => {
  await nc?.close()
  await cluster?.stop()
})

it('streams for which nodes are missing are a reason to wait, as while a cluster starts, and not to give up', async () => {
  const refused = await until(
    async () => {
      const error = await left(provision(nc, { replicas: 5 }))
      return error.message.includes('no suitable peers') && error
    },
    { deadline_ms: SETTLED_MS_MAX, what: 'the cluster to say that it has too few nodes' },
  )
  expect(refused).toMatchObject({ tag: 'TryAgain', code: 10005 })
})
