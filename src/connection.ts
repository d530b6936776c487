/**
 * The one way to a connection to NATS: a message can do no more harm to it than to go unread.
 *
 * The client reads a connection in one loop and calls the subscriptions' callbacks from within it. An exception there
 * ends the loop without a word: the connection stays open and nothing of it is read any more. Here an exception of a
 * callback is told and costs its own message only, and bytes that are not NATS's protocol close the connection, so that
 * its owner learns of it by `closed()` (docs/adr/0020).
 */

import './headers.js'
import { type ConnectionOptions, connect, errors, type NatsConnection } from 'nats'
import { metrics } from './metrics.js'

/** Hears of a message whose callback threw; `subject` is empty for what was no message but an error of the server. */
export type OnMessageFault = (subject: string, thrown: unknown) => void

type Event = { readonly kind: number; readonly msg?: { readonly subject: Uint8Array } }
type Parser = { readonly parse: (bytes: Uint8Array) => void }
type Socket = { readonly destroy: () => void }

/** The part of the client that is not in its types. */
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

/** An exception of a callback is told; the loop goes on with the next message. */
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

/** What cannot be parsed leaves no way to find the next message: the connection is over. */
const guardParser = (protocol: Protocol): void => {
  const guarded = (parser: Parser): Parser => {
    let isOver = false
    return {
      parse: bytes => {
        if (isOver) return
        try {
          parser.parse(bytes)
        } catch (cause) {
          isOver = true
          const text = cause instanceof Error ? cause.message : String(cause)
          void protocol.close(
            new errors.ProtocolError(`NATS sent what is not its protocol: ${text}`, { cause }),
          )
        }
      },
    }
  }
  let parser = guarded(protocol.parser)
  // the client makes a new parser for each connection that it opens again
  Object.defineProperty(protocol, 'parser', {
    get: () => parser,
    set: (fresh: Parser) => {
      parser = guarded(fresh)
    },
  })
}

/** What is still to be sent gets so long before a connection is ended. */
const FLUSH_MS_MAX = 100

/** Ends the connection although the other side takes nothing any more. */
const endTransport = ({ transport }: Protocol): void => {
  // the same one later: by then the client may have opened another
  const { socket } = transport
  setTimeout(() => socket?.destroy(), FLUSH_MS_MAX)
}

/** The client waits until all is sent before it ends a connection that answers no pings: behind a cut that never is. */
const guardDisconnect = (protocol: Protocol): void => {
  const disconnect = protocol.disconnect.bind(protocol)
  protocol.disconnect = () => {
    endTransport(protocol)
    disconnect()
  }
}

/** Ends the connection to the server, and lets the client connect anew; also behind a cut, where nothing can be sent. */
export const reconnectNow = async (nc: NatsConnection): Promise<void> => {
  endTransport(protocolOf(nc))
  await nc.reconnect()
}

/** Calls `heard` for each ping of the server; the client answers it as before. */
export const onPing = (nc: NatsConnection, heard: () => void): void => {
  const protocol = protocolOf(nc)
  const answer = protocol.processPing.bind(protocol)
  protocol.processPing = () => {
    heard()
    answer()
  }
}

/** Connects, as the client's `connect` does. `onFault` must not throw. */
export const openConnection = async (
  options: ConnectionOptions,
  onFault: OnMessageFault,
): Promise<NatsConnection> => {
  const nc = await connect(options)
  const protocol = protocolOf(nc)
  guardCallbacks(protocol, onFault)
  guardParser(protocol)
  guardDisconnect(protocol)
  return nc
}
