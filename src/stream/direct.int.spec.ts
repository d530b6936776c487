import { connect, type NatsConnection } from 'nats'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { left, right } from '../../test/support/ledger.js'
import { startTestNats, type TestNats } from '../../test/support/servers.js'
import { readDirect } from './direct.js'
import { provision } from './provision.js'
import { publish, publishBatch } from './publish.js'
import { lastRecorded, readAhead } from './read.js'
import { LEDGER_STREAM, LEDGER_SUBJECTS } from './settings.js'

const EVENTS = 30
const CUSTOMERS = 3

let nats: TestNats
let nc: NatsConnection

const subject = (n: number): string => `customer.balance.c${n % CUSTOMERS}`

beforeAll(async () => {
  nats = await startTestNats()
  nc = await connect({ servers: nats.url, inboxPrefix: '_INBOX_own', reconnectTimeWait: 50 })
  await right(provision(nc, { replicas: 1 }))
  for (let n = 1; n <= EVENTS; n += 1) {
    // an event with headers that look like the server's own
    const headers = { 'Nats-Subject': 'customer.balance.forged', 'Nats-Sequence': '7', n: String(n) }
    await right(publish(nc, { subject: subject(n), body: String(n), headers }, 5_000))
  }
})

afterAll(async () => {
  await nc.close()
  await nats.stop()
})

const text = (body: Uint8Array): string => new TextDecoder().decode(body)
const wanted = [subject(0), 'customer.balance.nobody', subject(2)]

const subscriptions = (): number =>
  (nc as unknown as { protocol: { subscriptions: { size: () => number } } }).protocol.subscriptions.size()

it('gives the last message of each subject as it was stored, and how far the replica was', async () => {
  const { messages, up_to_seq } = await right(readDirect(nc, LEDGER_STREAM, { multi_last: wanted }))
  expect(
    messages.map(({ seq, subject, body, headers }) => [seq, subject, text(body), headers?.get('n')]),
  ).toEqual([
    [29, subject(2), '29', '29'],
    [30, subject(0), '30', '30'],
  ])
  expect(messages.map(({ at }) => Math.abs(at.getTime() - Date.now()) < 60_000)).toEqual([true, true])
  expect(up_to_seq).toBe(EVENTS)
})

/** The connection, on which one message of an answer is lost: the n-th one that arrives. */
const losing = (nth: number): NatsConnection => {
  let arrived = 0
  const subscribe: NatsConnection['subscribe'] = (to, options) =>
    nc.subscribe(to, {
      ...options,
      callback: (error, message) => {
        arrived += 1
        if (arrived !== nth) options?.callback?.(error, message)
      },
    })
  return new Proxy(nc, {
    get: (target, name) => {
      if (name === 'subscribe') return subscribe
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

it('takes no answer for whole of which a message was lost on the way', async () => {
  const [batch, last] = await Promise.all([
    right(readDirect(losing(3), LEDGER_STREAM, { seq: 11, batch: 5 })),
    right(readDirect(losing(2), LEDGER_STREAM, { multi_last: wanted })),
  ])
  expect(batch.messages.map(({ seq }) => seq)).toEqual([11, 12, 13, 14, 15])
  expect(last.messages.map(({ seq }) => seq)).toEqual([29, 30])
})

it('gives the last messages as of a sequence', async () => {
  const query = { multi_last: wanted, up_to_seq: 10 }
  const { messages, up_to_seq } = await right(readDirect(nc, LEDGER_STREAM, query))
  expect(messages.map(({ seq }) => seq)).toEqual([8, 9])
  expect(up_to_seq).toBe(10)
})

it('gives messages in order, and none where there is none', async () => {
  const read = (from: number, to: number) => right(readAhead(nc, LEDGER_STREAM, from, to))
  expect((await read(11, 21)).map(({ seq, body }) => [seq, text(body)])).toEqual(
    Array.from({ length: 10 }, (_, i) => [11 + i, String(11 + i)]),
  )
  expect(await read(EVENTS + 1, EVENTS + 5)).toEqual([])
  expect(await right(lastRecorded(nc, LEDGER_STREAM, ['customer.balance.nobody']))).toEqual(new Map())
})

it('says at once that there is no replica, and why a question is none', async () => {
  const began_ms = performance.now()
  expect((await left(readDirect(nc, 'nothing', { multi_last: wanted }))).tag).toBe('TryAgain')
  expect(performance.now() - began_ms).toBeLessThan(200)
  const many = Array.from({ length: 1_000 }, (_, n) => ({ subject: `customer.balance.m${n}`, body: '{}' }))
  await right(publishBatch(nc, many, 5_000))
  await right(
    publishBatch(
      nc,
      many.map(each => ({ ...each, subject: `${each.subject}-2` })),
      5_000,
    ),
  )
  expect(await left(readDirect(nc, LEDGER_STREAM, { multi_last: [LEDGER_SUBJECTS] }))).toMatchObject({
    tag: 'Unexpected',
    message: expect.stringContaining('413'),
  })
})

it('leaves no subscription behind, however much is read, and goes on after a reconnection', async () => {
  await right(lastRecorded(nc, LEDGER_STREAM, wanted))
  const before = subscriptions()
  await Promise.all(Array.from({ length: 500 }, () => right(lastRecorded(nc, LEDGER_STREAM, wanted))))
  await nc.reconnect()
  for (let times = 0; times < 50; times += 1) await right(readAhead(nc, LEDGER_STREAM, 1, 9))
  expect(subscriptions()).toBe(before)
})
