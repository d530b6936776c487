/**
 * Publishes large numbers of messages to nats-server by putting them together as text.
 *
 * The client builds a message from five buffers and checks each of its parts. At tens of thousands of messages a second
 * that is most of the work. Here a message is a piece of text, and many of them become bytes at once. The bytes then take
 * the client's own way: its buffer, its limits, its reconnecting (docs/adr/0019).
 */

import './headers.js'
import { errors, type NatsConnection } from 'nats'

export type Wire = {
  /**
   * Publishes one message, like the client's `publish`. Messages of one turn of the event loop leave in one write.
   * `lines` are header lines, each with its line break; `reply` is the subject for an answer. `subject`, `lines` and `reply`
   * are not checked: they must be well formed.
   *
   * @throws the client's errors when the connection is closed or the message is larger than the server accepts.
   */
  readonly publish: (subject: string, body: string, lines?: string, reply?: string) => void
  /** Sends everything published so far, so that a message published next through the client itself comes after it. */
  readonly flush: () => void
}

/** Internals of the NATS client that its type declarations leave out. */
type Protocol = {
  readonly sendCommand: (bytes: Uint8Array) => void
  readonly info?: { readonly max_payload: number }
  outMsgs: number
  outBytes: number
}

/** The size at which the text is written before the turn ends. The client's own limit is the same. */
const PENDING_CHARS_MAX = 32 * 1_024

const protocolOf = (nc: NatsConnection): Protocol => {
  const { protocol } = nc as unknown as { readonly protocol?: Protocol }
  if (typeof protocol?.sendCommand !== 'function') {
    throw new Error(
      'this version of the NATS client has no protocol.sendCommand: src/wire.ts needs another way',
    )
  }
  return protocol
}

const createWire = (nc: NatsConnection): Wire => {
  const protocol = protocolOf(nc)
  let pending = ''

  const flush = (): void => {
    if (pending === '') return
    const bytes = Buffer.from(pending)
    pending = ''
    protocol.sendCommand(bytes)
  }

  return {
    flush,
    publish: (subject, body, lines = '', reply = '') => {
      if (nc.isClosed()) throw new errors.ClosedConnectionError()
      const header = lines === '' ? '' : `NATS/1.0\r\n${lines}\r\n`
      const header_bytes = Buffer.byteLength(header)
      const bytes = header_bytes + Buffer.byteLength(body)
      if (bytes > (protocol.info?.max_payload ?? Number.POSITIVE_INFINITY)) {
        throw new errors.InvalidArgumentError(`a message of ${bytes} bytes is larger than the server takes`)
      }
      protocol.outMsgs += 1
      protocol.outBytes += bytes
      if (pending === '') queueMicrotask(flush)
      const to = reply === '' ? subject : `${subject} ${reply}`
      pending +=
        header === ''
          ? `PUB ${to} ${bytes}\r\n${body}\r\n`
          : `HPUB ${to} ${header_bytes} ${bytes}\r\n${header}${body}\r\n`
      if (pending.length >= PENDING_CHARS_MAX) flush()
    },
  }
}

const wires = new WeakMap<NatsConnection, Wire>()

/** The wire of a connection; every call for one connection returns the same. */
export const wireOf = (nc: NatsConnection): Wire => {
  const known = wires.get(nc)
  if (known !== undefined) return known
  const wire = createWire(nc)
  wires.set(nc, wire)
  return wire
}
