import { connect, createServer, type Server, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { until } from '../../test/support/servers.js'
import { createNetwork, type Network } from './network.js'

const WAIT = { deadline_ms: 5_000 }

let network: Network
let server: Server
let arrived: string
let sockets: Socket[]
let hop: number

beforeEach(async () => {
  ;[arrived, sockets] = ['', []]
  server = createServer(socket => {
    sockets.push(socket)
    socket.on('error', () => socket.destroy())
    socket.on('data', bytes => {
      arrived += bytes
      socket.write(bytes)
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('no port')
  network = createNetwork()
  hop = await network.hop('a', 'b', address.port)
})
afterEach(async () => {
  await network.close()
  for (const socket of sockets) socket.destroy()
  await new Promise<void>(resolve => server.close(() => resolve()))
})

type Client = { readonly socket: Socket; readonly heard: () => string; readonly isOver: () => boolean }

const dial = (): Client => {
  const socket = connect(hop, '127.0.0.1')
  let heard = ''
  let isOver = false
  socket.on('data', bytes => {
    heard += bytes
  })
  socket.on('error', () => undefined)
  socket.on('close', () => {
    isOver = true
  })
  return { socket, heard: () => heard, isOver: () => isOver }
}

/** A client whose first byte has come back. */
const dialled = async (): Promise<Client> => {
  const client = dial()
  client.socket.write('.')
  await until(() => client.heard() === '.', { ...WAIT, what: 'the hop to lead somewhere' })
  return client
}

it('passes bytes and ends of both sides', async () => {
  const socket = connect(hop, '127.0.0.1')
  socket.end('x'.repeat(1_000_000))
  expect((await text(socket)).length).toBe(1_000_000)
})

it('a cut keeps bytes and news of an end, in its direction only, until the healing', async () => {
  const [client, other] = [await dialled(), await dialled()]
  network.cut('b', 'a')
  client.socket.write('question')
  await until(() => arrived.endsWith('question'), { ...WAIT, what: 'the question' })
  for (const socket of sockets) socket.destroy()
  const second = dial()
  second.socket.write('?')
  expect({ heard: client.heard(), is_over: client.isOver(), is_other_over: other.isOver() }).toEqual({
    heard: '.',
    is_over: false,
    is_other_over: false,
  })
  network.heal('b')
  await until(() => client.isOver() && other.isOver(), { ...WAIT, what: 'news of the end' })
  await until(() => second.heard() === '?', { ...WAIT, what: 'the connection that had to wait' })
})

it('a cut of the other direction keeps what is asked', async () => {
  const client = await dialled()
  network.cut('a', 'b')
  client.socket.write('kept')
  sockets[0]?.write('told')
  await until(() => client.heard() === '.told', { ...WAIT, what: 'what the server says' })
  expect(arrived).toBe('.')
  network.heal()
  await until(() => arrived === '.kept', { ...WAIT, what: 'what was kept' })
})

it('a reset ends connections and new ones', async () => {
  const client = await dialled()
  network.reset('a', 'b')
  await until(client.isOver, { ...WAIT, what: 'the end of the connection' })
  const refused = dial()
  await until(refused.isOver, { ...WAIT, what: 'the end of a new connection' })
  network.heal('a')
  await dialled()
})
