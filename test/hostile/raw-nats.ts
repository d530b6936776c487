/**
 * A NATS client that sends exactly the given bytes, over a socket of its own: a client library refuses header names, reply
 * subjects and bodies that a server accepts.
 */

import { connect, type Socket } from 'node:net'

export type Bytes = string | Uint8Array

/** A message as it arrived; `header` is the whole header block, '' when there is none. */
export type RawMessage = { readonly subject: string; readonly header: string; readonly body: Buffer }

type RawPublish = {
  readonly subject: string
  readonly body?: Bytes
  /** The whole header block as it goes over the wire; `headerBlock` makes a usual one. */
  readonly header?: Bytes
  readonly reply?: string
}

export type RawNats = {
  readonly publish: (message: RawPublish) => void
  /** Publishes with an inbox and returns the first answer; undefined when none comes in time. */
  readonly request: (
    message: Omit<RawPublish, 'reply'>,
    timeout_ms: number,
  ) => Promise<RawMessage | undefined>
  /** Subscribes to `subject` until the connection is closed. */
  readonly listen: (subject: string, heard: (message: RawMessage) => void) => void
  /** Resolves when the server has handled all messages sent so far. */
  readonly flush: () => Promise<void>
  /** The texts of the server's `-ERR` lines. */
  readonly errors: readonly string[]
  readonly close: () => void
}

const CONNECT = JSON.stringify({
  verbose: false,
  pedantic: false,
  headers: true,
  no_responders: true,
  protocol: 1,
  lang: 'raw',
  version: '1',
})
const LINE_END = '\r\n'

const bytesOf = (text: Bytes): Buffer => (typeof text === 'string' ? Buffer.from(text) : Buffer.from(text))

/** Makes a usual header block with these lines. */
export const headerBlock = (...lines: readonly string[]): string =>
  `NATS/1.0\r\n${lines.map(line => line + LINE_END).join('')}\r\n`

const encode = ({ subject, body = '', header, reply = '' }: RawPublish): Buffer => {
  const payload = bytesOf(body)
  const to = reply === '' ? subject : `${subject} ${reply}`
  if (header === undefined)
    return Buffer.concat([bytesOf(`PUB ${to} ${payload.length}\r\n`), payload, bytesOf(LINE_END)])
  const block = bytesOf(header)
  const sizes = `${block.length} ${block.length + payload.length}`
  return Buffer.concat([bytesOf(`HPUB ${to} ${sizes}\r\n`), block, payload, bytesOf(LINE_END)])
}

type Frame = { readonly line: string; readonly header: Buffer; readonly body: Buffer }

/** The numbers of header bytes and of all bytes that follow a line of the protocol. */
const sizesOf = (line: string): readonly [header: number, total: number] => {
  const parts = line.split(' ')
  if (parts[0] === 'MSG') return [0, Number(parts.at(-1))]
  if (parts[0] === 'HMSG') return [Number(parts.at(-2)), Number(parts.at(-1))]
  return [0, -1]
}

/** Joins the chunks of a connection and calls `take` with each whole frame of the protocol. */
const createFrames = (take: (frame: Frame) => void): ((chunk: Buffer) => void) => {
  let held: Buffer = Buffer.alloc(0)
  return chunk => {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk])
    for (let end = held.indexOf(LINE_END); end >= 0; end = held.indexOf(LINE_END)) {
      const line = held.subarray(0, end).toString('latin1')
      const [header, total] = sizesOf(line)
      const from = end + LINE_END.length
      const next = total < 0 ? from : from + total + LINE_END.length
      if (held.length < next) return
      take({
        line,
        header: held.subarray(from, from + header),
        body: held.subarray(from + header, from + Math.max(total, 0)),
      })
      held = held.subarray(next)
    }
  }
}

type Hearer = (message: RawMessage) => void

const open = async (url: string): Promise<Socket> => {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('error', reject)
  })
  // the server reports refusals with -ERR, and the tests look at those lines
  socket.on('error', () => socket.destroy())
  return socket
}

/** Connects to the server at `url`. */
export const connectRaw = async (url: string): Promise<RawNats> => {
  const socket = await open(url)
  const hearers = new Map<string, Hearer>()
  const pongs: (() => void)[] = []
  const errors: string[] = []
  let last = 0

  const take = ({ line, header, body }: Frame): void => {
    const [verb, subject = '', sid = ''] = line.split(' ')
    if (verb === 'PING') socket.write(`PONG${LINE_END}`)
    else if (verb === 'PONG') pongs.shift()?.()
    else if (verb === '-ERR') errors.push(line)
    else if (verb === 'MSG' || verb === 'HMSG')
      hearers.get(sid)?.({ subject, header: header.toString('latin1'), body: Buffer.from(body) })
  }
  socket.on('data', createFrames(take))
  socket.write(`CONNECT ${CONNECT}${LINE_END}`)

  const subscribe = (subject: string, heard: Hearer): string => {
    last += 1
    const sid = String(last)
    hearers.set(sid, heard)
    socket.write(`SUB ${subject} ${sid}${LINE_END}`)
    return sid
  }
  const inbox = `_INBOX.raw${process.pid}x${Math.random().toString(36).slice(2)}`
  const waiting = new Map<string, Hearer>()
  subscribe(`${inbox}.*`, message => waiting.get(message.subject)?.(message))

  const request: RawNats['request'] = (message, timeout_ms) => {
    last += 1
    const reply = `${inbox}.${last}`
    return new Promise(resolve => {
      const end = (answer: RawMessage | undefined): void => {
        clearTimeout(timer)
        waiting.delete(reply)
        resolve(answer)
      }
      const timer = setTimeout(() => end(undefined), timeout_ms)
      waiting.set(reply, end)
      socket.write(encode({ ...message, reply }))
    })
  }

  return {
    publish: message => {
      socket.write(encode(message))
    },
    request,
    listen: (subject, heard) => {
      subscribe(subject, heard)
    },
    flush: () =>
      new Promise(resolve => {
        pongs.push(resolve)
        socket.write(`PING${LINE_END}`)
      }),
    errors,
    close: () => socket.destroy(),
  }
}
