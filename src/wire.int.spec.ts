import { connect, type Msg, type NatsConnection } from 'nats'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { startTestNats, type TestNats, until } from '../test/support/servers.js'
import { wireOf } from './wire.js'

let nats: TestNats
let nc: NatsConnection
let reader: NatsConnection
let got: Msg[] = []

beforeAll(async () => {
  nats = await startTestNats()
  nc = await connect({ servers: nats.url })
  reader = await connect({ servers: nats.url })
  reader.subscribe('wire.>', {
    callback: (_, msg) => {
      got.push(msg)
    },
  })
  await reader.flush()
})
afterAll(async () => {
  await nc.close()
  await reader.close()
  await nats.stop()
})
beforeEach(() => {
  got = []
})

const arrived = (count: number) =>
  until(() => got.length === count, { deadline_ms: 30_000, what: `${count} messages` })

it('carries subject, headers and body, whatever letters they hold', async () => {
  const body = '{"reference":"Grüße, 東京 🙂"}'
  wireOf(nc).publish('wire.plain', body)
  wireOf(nc).publish('wire.headers', body, 'Ledger-Seq: 7\r\nLedger-Text: Grüße\r\n')
  wireOf(nc).publish('wire.empty', '')
  await arrived(3)
  expect(got.map(({ subject }) => subject)).toEqual(['wire.plain', 'wire.headers', 'wire.empty'])
  expect(got.map(msg => msg.string())).toEqual([body, body, ''])
  expect(got.map(({ headers }) => headers?.get('Ledger-Seq'))).toEqual([undefined, '7', undefined])
  expect(got[1]?.headers?.get('Ledger-Text')).toBe('Grüße')
})

it('keeps the order of many, also with half a surrogate pair among them', async () => {
  const bodies = Array.from({ length: 5_000 }, (_, i) => `${i} ${i % 7 === 0 ? 'ä\ud83d' : 'plain'}`)
  for (const body of bodies) wireOf(nc).publish('wire.many', body)
  await arrived(bodies.length)
  expect(got.map(msg => msg.string())).toEqual(bodies.map(body => body.replace('\ud83d', '\ufffd')))
})

it('lets what the client publishes come after it, once it is flushed', async () => {
  wireOf(nc).publish('wire.order', 'first')
  wireOf(nc).flush()
  nc.publish('wire.order', 'second')
  await arrived(2)
  expect(got.map(msg => msg.string())).toEqual(['first', 'second'])
})

it('counts as the client does', () => {
  const before = nc.stats()
  wireOf(nc).publish('nobody', 'four', 'A: 1\r\n')
  const { outMsgs, outBytes } = nc.stats()
  expect(outMsgs - before.outMsgs).toBe(1)
  expect(outBytes - before.outBytes).toBe('NATS/1.0\r\nA: 1\r\n\r\n'.length + 4)
})

it('refuses what is larger than the server takes, and goes on', async () => {
  expect(() => wireOf(nc).publish('wire.large', 'ä'.repeat(600_000))).toThrow('larger than the server takes')
  wireOf(nc).publish('wire.large', 'small')
  await arrived(1)
})

it('refuses to publish over a closed connection', async () => {
  const closed = await connect({ servers: nats.url })
  const wire = wireOf(closed)
  wire.publish('wire.last', 'before')
  await closed.flush()
  await closed.close()
  expect(() => wire.publish('wire.last', 'after')).toThrow('closed')
  await arrived(1)
})

it('goes on after the connection was lost and found again', async () => {
  const other = await connect({ servers: nats.url, reconnectTimeWait: 50 })
  const wire = wireOf(other)
  await other.reconnect()
  await until(
    () =>
      other.flush().then(
        () => true,
        () => false,
      ),
    { deadline_ms: 30_000, what: 'a new connection' },
  )
  wire.publish('wire.again', 'here')
  await arrived(1)
  await other.close()
})
