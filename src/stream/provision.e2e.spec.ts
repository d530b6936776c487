// has a cluster of its own: it lacks a node that the streams need, and the streams have settings of an earlier build
import { StoreCompression } from '@nats-io/jetstream'
import { connect, type NatsConnection } from 'nats'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { left, right } from '../../test/support/ledger.js'
import { startTestCluster, type TestCluster, until } from '../../test/support/servers.js'
import { applySettings, manager, provision } from './provision.js'
import { judgeServers } from './server-policy.js'
import { ledgerStream } from './settings.js'

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

it('a compressed stream of three replicas is served and changed where its servers survive that, and refused where they do not', async () => {
  const version = nc.info?.version ?? ''
  const jsm = await right(manager(nc))
  const compressed = { ...ledgerStream({ replicas: 3 }), compression: StoreCompression.S2 }
  await until(() => jsm.streams.add(compressed), {
    deadline_ms: SETTLED_MS_MAX,
    what: 'the stream to be made',
  })
  const { refusal } = judgeServers({ versions: [version], replicas: 3, compression: 's2' })
  if (refusal === undefined) {
    await right(provision(nc, { replicas: 3 }))
    await right(applySettings(nc, { replicas: 3 }))
  } else {
    expect(await left(provision(nc, { replicas: 3 }))).toMatchObject({
      tag: 'SettingsDiffer',
      message: refusal,
    })
    expect((await left(applySettings(nc, { replicas: 3 }))).message).toContain('back the stream up')
  }
  const { compression } = (await jsm.streams.info(compressed.name)).config
  expect(compression).toBe(refusal === undefined ? 'none' : 's2')
})
