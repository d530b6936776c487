/**
 * Tests the answers of an instance that reaches only a leader that was replaced: this server answers for 10 to 20 s as if it
 * still led, and does not know the events that the new leader has acknowledged (docs/adr/0029).
 */

import { connect, type Msg, type NatsConnection } from 'nats'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Cluster, NODE_NAMES, type NodeName, startCluster } from '../src/chaos/cluster.js'
import { createNetwork, type Network } from '../src/chaos/network.js'
import { whatBecameOf } from '../src/commands/endpoints/transaction.js'
import { E } from '../src/fp.js'
import { startTestGateway, type TestGateway } from '../src/gateway/testing/gateway.js'
import { type Rig, startRig } from '../src/queries/testing/rig.js'
import { errorOf } from '../src/service/testing/harness.js'
import { publish } from '../src/stream/publish.js'
import { LEDGER_STREAM } from '../src/stream/settings.js'
import { right } from './support/ledger.js'
import { newFolder, removeFolder, until } from './support/servers.js'

const LED_MS_MAX = 30_000
const STORED_MS_MAX = 20_000
/** The largest age of an answer, and of an answer without an age, as the README states them. */
const AGE_MS_MAX = 10_000
const FRESH_MS_MAX = 2_000

let folder: string
let network: Network
let cluster: Cluster
let leader: NodeName
let rig: Rig
let gateway: TestGateway
let writer: NatsConnection

const urlOf = (group: string, name: NodeName): string => cluster.urls(group)[NODE_NAMES.indexOf(name)] ?? ''
const ask = (request: unknown): Promise<Msg> => rig.ask('customer.balance', request)
/** Asks for the outcome of a transaction, with a table that holds everything up to the event before it. */
const fateOf = (transaction_id: string) =>
  whatBecameOf({ ...rig.deps, table: async () => E.right('none') }, transaction_id, {
    find: async () => undefined,
    lookUp: async () => ({ known: undefined, seq: 1, is_filtered: false }),
  })

beforeAll(async () => {
  folder = newFolder()
  network = createNetwork()
  cluster = await startCluster({
    folder,
    network,
    client_groups: ['instance', 'writer'],
    sync_interval: '2m',
  })
  // the stream has to exist before it has a leader
  const setup = await startRig({}, { url: cluster.directUrl('nats-1'), replicas: 3 })
  await setup.stop()
  leader = await cluster.untilLed(LEDGER_STREAM, LED_MS_MAX)
  rig = await startRig({}, { url: urlOf('instance', leader), replicas: 3 })
  gateway = await startTestGateway(rig.nc)
})
afterAll(async () => {
  network?.heal()
  await writer?.close()
  await gateway?.stop()
  await rig?.stop()
  await cluster?.stop()
  await network?.close()
  removeFolder(folder)
})

it('an instance beside a leader that was replaced says nothing wrong: it says how old it is, or that it cannot tell', async () => {
  await rig.emit('a', { type: 'credit', amount: 100, transaction_id: 'before' })
  expect((await ask({ client_id: 'a', consistency: 'strong' })).string()).toBe('{"balance":100}')
  expect(await fateOf('meanwhile')).toEqual({ status: 'unknown' })

  cluster.cut(leader)
  const elected = await cluster.untilLed(LEDGER_STREAM, LED_MS_MAX, leader)
  writer = await connect({ servers: urlOf('writer', elected) })
  const body = '{"type":"credit","amount":1,"transaction_id":"meanwhile"}'
  const message = { subject: 'customer.balance.a', body, msg_id: 'meanwhile' }
  const { seq } = await until(() => right(publish(writer, message, 1_000)), {
    deadline_ms: STORED_MS_MAX,
    what: 'the new leader to store an event',
  })
  const stored_ms = performance.now()

  const sure = [
    { client_id: 'a', consistency: 'strong' },
    { client_id: 'nobody', consistency: 'strong' },
    { client_id: 'a', min_version: 2 },
    { client_id: 'a', as_of_seq: seq },
    { client_id: 'a', as_of: new Date().toISOString() },
  ]
  const [fate, statement, ...answers] = await Promise.all([
    fateOf('meanwhile').catch(() => 'it cannot be told'),
    rig.ask('customer.statement', { client_id: 'a' }).then(errorOf),
    ...sure.map(request => ask(request).then(errorOf)),
  ])
  expect(fate).toBe('it cannot be told')
  expect(answers).toEqual(Array(sure.length).fill('503:UNAVAILABLE'))
  // on a busy machine its several questions to the leader may take longer than the handler may
  expect(['503:UNAVAILABLE', '504:TIMEOUT']).toContain(statement)

  // the stated age is never less than the real one, and in the end there is no answer
  await until(
    async () => {
      const since_stored_ms = performance.now() - stored_ms
      const reply = await ask({ client_id: 'a' })
      if (errorOf(reply) === '503:UNAVAILABLE') return true
      expect([errorOf(reply), reply.string()]).toEqual(['', '{"balance":100}'])
      const age_ms = Number(reply.headers?.get('Ledger-Age-Ms'))
      expect(age_ms).toBeGreaterThan(Math.max(since_stored_ms, FRESH_MS_MAX))
      expect(age_ms).toBeLessThanOrEqual(AGE_MS_MAX)
      const over_http = await gateway.call('/v1/customers/a/balance')
      if (over_http.ok) expect(Number(over_http.headers.get('ledger-age-ms'))).toBeGreaterThanOrEqual(age_ms)
      return false
    },
    { deadline_ms: AGE_MS_MAX + FRESH_MS_MAX, what: 'an age beyond which nothing is answered' },
  )

  network.heal()
  const newest = { version: '2', seq: String(seq), age: undefined }
  for (const consistency of ['strong', undefined]) {
    const said = await until(
      async () => {
        const { headers } = await ask({ client_id: 'a', consistency })
        if (headers?.get('Ledger-Version') === '') return undefined
        const age = headers?.get('Ledger-Age-Ms')
        if (consistency === undefined && age !== '') return undefined
        return {
          version: headers?.get('Ledger-Version'),
          seq: headers?.get('Ledger-Seq'),
          age: age || undefined,
        }
      },
      { deadline_ms: LED_MS_MAX, what: 'an answer after the healing' },
    )
    expect(said).toEqual(newest)
  }
  const fate_after = await until(() => fateOf('meanwhile').catch(() => undefined), {
    deadline_ms: LED_MS_MAX,
    what: 'a fate that can be told after the healing',
  })
  expect(fate_after).toMatchObject({ status: 'committed', reply: { balance: 101n, seq } })
  const pages = await rig.ask('customer.statement', { client_id: 'a' })
  expect(pages.json<{ entries: unknown[] }>().entries).toHaveLength(2)
})
