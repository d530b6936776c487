/**
 * A relay before a nats-server that moves the time in the server's answers about its streams (`"ts"` in the JSON of its API): its
 * clients take the server's clock for another one. The timestamps of stored messages stay as they are.
 */

import { connect, createServer, type Socket } from 'node:net'
import { Transform } from 'node:stream'

const LOOPBACK = '127.0.0.1'
const TIME = /"ts":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)/g
/** The beginning of a time at the end of a piece: the rest comes with the next one. */
const BEGUN = /"(?:t(?:s(?:"(?::(?:"[\dT:-]{0,18})?)?)?)?)?$/

/** Moves every time by whole seconds. Texts keep their length, as the protocol of NATS needs. */
const moveTimes = (by_ms: number): Transform => {
  let begun = ''
  return new Transform({
    transform: (piece: Buffer, _, done) => {
      const text = begun + piece.toString('latin1')
      begun = BEGUN.exec(text)?.[0] ?? ''
      const moved = text.slice(0, text.length - begun.length).replace(TIME, (_, time: string) => {
        const later = new Date(Date.parse(`${time}Z`) + by_ms)
        return `"ts":"${later.toISOString().slice(0, time.length)}`
      })
      done(null, Buffer.from(moved, 'latin1'))
    },
  })
}

export type WrongClockRelay = { readonly url: string; readonly stop: () => void }

/** Starts a relay to `nats_url`; the clock behind it seems to be `by_ms` ahead. */
export const startWrongClockRelay = async (nats_url: string, by_ms: number): Promise<WrongClockRelay> => {
  const port = Number(new URL(nats_url).port)
  const sockets = new Set<Socket>()
  const keep = (socket: Socket): Socket => {
    sockets.add(socket)
    // either side may end first, and the test ignores both errors
    socket.on('error', () => socket.destroy())
    socket.on('close', () => sockets.delete(socket))
    return socket
  }
  const relay = createServer(client => {
    const server = keep(connect(port, LOOPBACK))
    server.on('close', () => client.destroy())
    keep(client).pipe(server).pipe(moveTimes(by_ms)).pipe(client)
  })
  await new Promise<void>(resolve => relay.listen(0, LOOPBACK, resolve))
  const address = relay.address()
  if (typeof address !== 'object' || address === null) throw new Error('The relay has no port')
  return {
    url: `nats://${LOOPBACK}:${address.port}`,
    stop: () => {
      relay.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}
