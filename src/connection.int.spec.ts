import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { errors, type Msg, type NatsConnection } from 'nats'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startMeddler } from '../test/support/meddler.js'
import { headerBlock, publishRaw } from '../test/support/raw-publisher.js'
import { startTestNats, type TestNats, until } from '../test/support/servers.js'
import { openConnection } from './connection.js'

let nats: TestNats
let nc: NatsConnection
const faults: [string, unknown][] = []

beforeAll(async () => {
  nats = await startTestNats()
  nc = await openConnection({ servers: nats.url }, (subject, thrown) => faults.push([subject, thrown]))
})
afterAll(async () => {
  await nc.close()
  await nats.stop()
})

const ODD = [
  headerBlock('bad name: x'),
  headerBlock('a\rb: c', 'd: e\nf'),
  headerBlock('no colon', ': no name', 'Größe: \u0000'),
  'NATS/1.0',
  '404 No Messages\r\n\r\n',
  'junk',
  Buffer.from('NATS/1.0\r\n\xff\xfe: \x80\r\n\r\n', 'latin1'),
  headerBlock(...Array.from({ length: 5_000 }, (_, i) => `h ${i}: x`)),
]

it('hands over messages with headers that break every rule, in callbacks, iterators and requests', async () => {
  const seen: (number | undefined)[] = []
  nc.subscribe('odd.>', { callback: (_, msg) => void seen.push(msg.headers?.keys().length) })
  const iterated: string[] = []
  const iterator = nc.subscribe('odd.>', { max: ODD.length })
  const reading = (async () => {
    for await (const msg of iterator) iterated.push(`${msg.headers?.code} ${msg.string()}`)
  })()
  await nc.flush()
  await publishRaw(
    nats.url,
    ODD.map((headers, i) => ({ subject: `odd.${i}`, headers, body: `body ${i}` })),
  )
  await until(() => seen.length === ODD.length, { deadline_ms: 30_000, what: 'every odd message' })
  await reading
  expect(seen).toEqual([1, 2, 1, 0, 0, 0, 1, 5_000])
  expect(iterated).toEqual(ODD.map((_, i) => `0 body ${i}`))
  nc.subscribe('ask', {
    callback: (_, { reply = '' }) =>
      void publishRaw(nats.url, [{ subject: reply, headers: headerBlock('bad name: x'), body: 'yes' }]),
  })
  expect((await nc.request('ask', '', { timeout: 10_000 })).string()).toBe('yes')
  expect(faults).toEqual([])
})

it('reads on after a callback has thrown, and tells which message it was', async () => {
  const read: string[] = []
  nc.subscribe('throwing', {
    callback: (_, msg: Msg) => {
      if (msg.string() === 'bad') throw new Error('the callback failed')
      read.push(msg.string())
    },
  })
  for (const body of ['one', 'bad', 'two']) nc.publish('throwing', body)
  await nc.flush()
  expect(read).toEqual(['one', 'two'])
  expect(faults.splice(0)).toEqual([['throwing', new Error('the callback failed')]])
})

it('is closed with the reason when NATS sends what is not its protocol, also after it was opened again', async () => {
  const { url, meddle, stop } = await startMeddler(nats.url)
  const options = { servers: url, maxReconnectAttempts: -1, reconnectTimeWait: 20 }
  const direct = await openConnection(options, () => undefined)
  meddle('GARBAGE\r\n')
  expect(await direct.closed()).toMatchObject({ message: expect.stringContaining('is not its protocol') })

  const renewed = await openConnection(options, () => undefined)
  await renewed.reconnect()
  await until(() => renewed.flush().then(() => true), { deadline_ms: 30_000, what: 'a new connection' })
  meddle('MSG nonsense\r\n')
  expect(await renewed.closed()).toMatchObject({ message: expect.stringContaining('is not its protocol') })
  stop()
})

it('leaves no socket open after an attempt to which nobody said a word', async () => {
  const sockets = new Set<Socket>()
  const silence = createServer(socket => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  await once(silence.listen(0, '127.0.0.1'), 'listening')
  const address = silence.address()
  const servers = `127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
  await expect(openConnection({ servers, timeout: 100 }, () => undefined)).rejects.toThrow('timeout')
  await until(() => sockets.size === 0, { deadline_ms: 30_000, what: 'the end of the socket' })
  silence.close()
})

it('says why a request failed, without a stack trace that was taken before', async () => {
  nc.subscribe('silent', { callback: () => undefined })
  const failureOf = (subject: string): Promise<Error> =>
    nc.request(subject, '', { timeout: 50 }).then(
      () => expect.unreachable(),
      (thrown: Error) => thrown,
    )
  const unserved = await failureOf('unserved')
  expect(unserved.message).toContain('unserved')
  expect(unserved.cause).toBeInstanceOf(errors.NoRespondersError)
  const late = await failureOf('silent')
  expect(late).toBeInstanceOf(errors.TimeoutError)
  // a trace that is taken for every request, also for one that succeeds, would name this file
  for (const error of [unserved, late]) expect(error.stack).not.toContain('connection.int.spec')
})
