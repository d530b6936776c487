/**
 * Sends HTTP requests over connections that stay open, one request at a time on each, as a browser or a service does.
 */

import { connect, type Socket } from 'node:net'
import { REQUEST_TIMEOUT_MS } from './client-request.js'
import { type HttpAnswer, readAnswer } from './http-answer.js'

/** The clients over HTTP: each has a connection. At a fixed rate further requests wait for one, which is latency. */
export const HTTP_CLIENTS = 64

type Connection = { readonly send: (request: string) => Promise<HttpAnswer>; readonly isOpen: () => boolean }

const NOTHING = Buffer.alloc(0)

const openConnection = (url: string): Connection => {
  const { hostname, port } = new URL(url)
  const socket: Socket = connect({ host: hostname, port: Number(port), noDelay: true })
  let waiting:
    | { readonly resolve: (answer: HttpAnswer) => void; readonly reject: (error: Error) => void }
    | undefined
  let received: Buffer = NOTHING
  let is_open = true

  const fail = (code: string): void => {
    is_open = false
    socket.destroy()
    waiting?.reject(new Error(code))
    waiting = undefined
  }
  const take = (bytes: Buffer): void => {
    received = received.length === 0 ? bytes : Buffer.concat([received, bytes])
    const answer = readAnswer(received)
    if (answer === undefined) return
    received = NOTHING
    if (answer.is_last) is_open = false
    waiting?.resolve(answer)
    waiting = undefined
  }
  socket.setTimeout(REQUEST_TIMEOUT_MS, () => fail('TIMEOUT'))
  socket.on('error', (error: NodeJS.ErrnoException) => fail(error.code ?? error.name))
  socket.on('close', () => fail('HTTP_CLOSED'))
  socket.on('data', bytes => {
    try {
      take(bytes)
    } catch (error) {
      fail(error instanceof Error ? error.message : String(error))
    }
  })
  return {
    send: request =>
      new Promise((resolve, reject) => {
        waiting = { resolve, reject }
        socket.write(request)
      }),
    isOpen: () => is_open,
  }
}

export type HttpPool = {
  /** Sends a request: its method and path, further header lines that each end in CR LF, and its body in ASCII. */
  readonly send: (start: string, headers: string, body: string) => Promise<HttpAnswer>
}

/** Makes a pool of up to `HTTP_CLIENTS` connections, in turn to each of `urls`. */
export const createHttpPool = (urls: readonly string[]): HttpPool => {
  const idle: Connection[] = []
  const waiting: ((connection: Connection) => void)[] = []
  let opened = 0
  let open = 0

  const openNext = (): Connection => {
    const url = urls[opened % urls.length]
    if (url === undefined) throw new Error('there is no HTTP server to send to')
    opened += 1
    open += 1
    return openConnection(url)
  }
  const borrow = async (): Promise<Connection> => {
    const connection = idle.pop()
    if (connection !== undefined) {
      if (connection.isOpen()) return connection
      open -= 1
      return borrow()
    }
    if (open < HTTP_CLIENTS) return openNext()
    return new Promise(resolve => {
      waiting.push(resolve)
    })
  }
  const giveBack = (connection: Connection): void => {
    const next = waiting.shift()
    if (next === undefined) {
      idle.push(connection)
      return
    }
    if (!connection.isOpen()) open -= 1
    next(connection.isOpen() ? connection : openNext())
  }
  return {
    send: async (start, headers, body) => {
      const connection = await borrow()
      try {
        const length = body === '' ? '' : `Content-Length: ${body.length}\r\n`
        return await connection.send(`${start} HTTP/1.1\r\nHost: 127.0.0.1\r\n${headers}${length}\r\n${body}`)
      } finally {
        giveBack(connection)
      }
    },
  }
}
