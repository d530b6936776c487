/**
 * Opens every connection to NATS of this program, so that the worst that a message can do is to go unread.
 *
 * The client reads a connection in one loop and calls the subscriptions' callbacks from within it. An exception there
 * ends the loop silently: the connection stays open, but nothing is read from it any more. Here an exception of a
 * callback is reported and costs its own message only, and bytes that are not NATS's protocol close the connection, so
 * that the owner of the connection learns of it by `closed()` (docs/adr/0020).
 */

import './headers.js'
import { type ConnectionOptions, connect, errors, type NatsConnection } from 'nats'
import { NodeTransport } from 'nats/lib/node_transport.js'
import { metrics } from './metrics.js'

/** Is called for a message whose callback threw. `subject` is empty when the callback got a server error, not a message. */
export type OnMessageFault = (subject: string, thrown: unknown) => void

type Event = { readonly kind: number; readonly msg?: { readonly subject: Uint8Array } }
type Parser = { readonly parse: (bytes: Uint8Array) => void }
type Socket = { readonly destroy: () => void }

/** Internals of the NATS client that its type declarations leave out. */
type Transport = {
  readonly connected: boolean
  readonly discard: () => void
  close: (error?: Error) => Promise<void>
}

/** Internals of the NATS client that its type declarations leave out. */
type Protocol = {
  push: (event: Event) => void
  parser: Parser
  readonly close: (error: Error) => Promise<void>
  disconnect: () => void
  processPing: () => void
  readonly transport: { readonly socket?: Socket; readonly disconnect: () => void }
}

const unhandled = metrics.counter(
  'jetledger_unhandled_messages_total',
  'Messages from NATS that a callback could not handle',
)

const protocolOf = (nc: NatsConnection): Protocol => {
  const { protocol } = nc as unknown as { readonly protocol?: Protocol }
  if (typeof protocol?.push !== 'function' || typeof protocol.parser?.parse !== 'function') {
    throw new Error(
      'this version of the NATS client has no protocol.push and protocol.parser: src/connection.ts needs another way',
    )
  }
  return protocol
}

const subjectOf = ({ msg }: Event): string => (msg === undefined ? '' : Buffer.from(msg.subject).toString())

/** Reports an exception of a callback to `onFault`; the client's loop goes on with the next message. */
const guardCallbacks = (protocol: Protocol, onFault: OnMessageFault): void => {
  const push = protocol.push.bind(protocol)
  protocol.push = event => {
    try {
      push(event)
    } catch (thrown) {
      unhandled.inc()
      onFault(subjectOf(event), thrown)
    }
  }
}

/** Closes the connection at bytes that cannot be parsed: nothing tells any more where the next message begins. */
const guardParser = (protocol: Protocol): void => {
  const guardedParser = (parser: Parser): Parser => {
    let is_over = false
    return {
      parse: bytes => {
        if (is_over) return
        try {
          parser.parse(bytes)
        } catch (cause) {
          is_over = true
          const text = cause instanceof Error ? cause.message : String(cause)
          void protocol.close(
            new errors.ProtocolError(`NATS sent what is not its protocol: ${text}`, { cause }),
          )
        }
      },
    }
  }
  let parser = guardedParser(protocol.parser)
  // the client makes a new parser each time it reconnects
  Object.defineProperty(protocol, 'parser', {
    get: () => parser,
    set: (fresh: Parser) => {
      parser = guardedParser(fresh)
    },
  })
}

/**
 * Ends the socket of an attempt that failed. The client leaves it open when the other side accepted the connection and
 * said nothing: a process that waits for such a server would collect sockets until it may open no more files.
 */
const endFailedAttempts = (transport: Transport): void => {
  const { close } = transport
  transport.close = function (this: Transport, error) {
    if (!this.connected) this.discard()
    return close.call(this, error)
  }
}
endFailedAttempts(NodeTransport.prototype as unknown as Transport)

/** Bytes that are still to be sent get this long before the connection is ended. */
const FLUSH_MS_MAX = 100

/** Ends the connection even when the other side accepts no bytes any more. */
const endTransport = ({ transport }: Protocol): void => {
  // remembered now: when the timer fires the client may have opened another socket
  const { socket } = transport
  setTimeout(() => socket?.destroy(), FLUSH_MS_MAX)
}

/**
 * Bounds the wait for bytes to be sent. The client ends a connection that answers no pings only after everything is sent,
 * and on a broken link that never happens.
 */
const guardDisconnect = (protocol: Protocol): void => {
  const disconnect = protocol.disconnect.bind(protocol)
  protocol.disconnect = () => {
    endTransport(protocol)
    disconnect()
  }
}

/** Ends the connection to the server and lets the client reconnect, also over a broken link that sends nothing. */
export const reconnectNow = async (nc: NatsConnection): Promise<void> => {
  endTransport(protocolOf(nc))
  await nc.reconnect()
}

/** Calls `onReceived` for each ping of the server; the client answers the ping as before. */
export const onPing = (nc: NatsConnection, onReceived: () => void): void => {
  const protocol = protocolOf(nc)
  const answer = protocol.processPing.bind(protocol)
  protocol.processPing = () => {
    onReceived()
    answer()
  }
}

/**
 * Connects like the client's `connect`, with the same options and errors. `onFault` must not throw.
 *
 * The errors of requests have their message and cause, but no stack trace of the caller. The client would take that trace
 * for every request, also for one that succeeds, and that costs more than all else that the client does for a request.
 */
export const openConnection = async (
  options: ConnectionOptions,
  onFault: OnMessageFault,
): Promise<NatsConnection> => {
  const nc = await connect({ ...options, noAsyncTraces: true })
  const protocol = protocolOf(nc)
  guardCallbacks(protocol, onFault)
  guardParser(protocol)
  guardDisconnect(protocol)
  return nc
}
