// this spec needs a server of its own, and addresses without a server
import { createServer, type Server } from 'node:net'
import { connect, type NatsConnection } from 'nats'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startTestNats, type TestNats } from '../../test/support/servers.js'
import { askMembers } from './members.js'

let nats: TestNats
let nc: NatsConnection
const listeners: Server[] = []

/** Starts a TCP server that is no nats-server and sends `text` to every client. */
const listen = async (text: string): Promise<string> => {
  const listener = createServer(socket => {
    socket.on('error', () => undefined)
    socket.write(text)
  })
  listeners.push(listener)
  await new Promise<void>(resolve => listener.listen(0, '127.0.0.1', resolve))
  const address = listener.address()
  return `nats://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
}

beforeAll(async () => {
  nats = await startTestNats()
  nc = await connect({ servers: nats.url })
})
afterAll(async () => {
  await nc?.close()
  for (const listener of listeners) listener.close()
  await nats?.stop()
})

it('a server says its name and version to whoever dials, and is listed once', async () => {
  const own = { name: nc.info?.server_name, version: nc.info?.version }
  const address = nats.url.replace('nats://', '')
  expect(await askMembers(nc, [nats.url, address])).toEqual({
    seen: [own],
    unseen: [],
  })
})

it('an address that does not say who it is is named', async () => {
  const silent = await listen('')
  const http = await listen('HTTP/1.1 400 Bad Request\r\n\r\n')
  const odd = await listen('INFO {"version":7}\r\n')
  const broken = await listen('INFO {"version"\r\n')
  const endless = await listen(`INFO ${'x'.repeat(200_000)}`)
  const unnamed = [silent, http, odd, broken, endless, 'nats://127.0.0.1:1', 'nats://[']
  const { seen, unseen } = await askMembers(nc, [nats.url, ...unnamed])
  expect(seen).toHaveLength(1)
  expect(unseen).toEqual(unnamed)
})
