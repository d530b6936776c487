/**
 * Direct reads: many stored messages in one request, from any replica of a stream.
 *
 * nats-server gives each request to a replica of its choice, even to a replica that is cut off while the route to it
 * still looks alive: that replica never answers. So a request without an answer is sent again after a moment, beside
 * the first, and may reach another replica; the first whole answer counts. A replica may be behind: the messages that
 * it has are true, but a message that it lacks may be stored all the same (docs/adr/0029).
 *
 * The client's own direct reads are not used: they wait for 5 s, and leave a subscription behind each time.
 */

import { JetStreamError } from '@nats-io/jetstream'
import { createInbox, errors, type Msg, type MsgHdrs, type NatsConnection } from 'nats'
import '../headers.js'
import type { TaskEither } from '../fp.js'
import { type StreamError, tryStream } from './errors.js'
import type { Recorded } from './recorded.js'

/**
 * A request: either the last message of each of up to 1,000 subjects, or a number of messages in order, of one
 * subject or of all.
 */
export type DirectQuery =
  | { readonly multi_last: readonly string[]; readonly up_to_seq?: number }
  | { readonly seq: number; readonly batch: number; readonly next_by_subj?: string }

export type DirectAnswer = {
  readonly messages: readonly Recorded[]
  /** For `multi_last`: the end of the stream as the replica had it; undefined when it found no message. */
  readonly up_to_seq: number | undefined
}

/** A request that gets no message for this time is sent again. */
const SILENT_MS_MAX = 250
/**
 * The largest number of sends of one request. A request that gets messages is not sent again: the server sends all that
 * it has at once.
 */
const SENDS_MAX = 4

const NO_MESSAGES = 404
const END_OF_BATCH = 204
const NO_RESPONDERS = 503

/** A message as a replica sent it. Its time is decoded only when it is used, which is rare. */
class DirectRecorded implements Recorded {
  readonly seq: number
  readonly subject: string
  readonly body: Uint8Array
  readonly headers: MsgHdrs

  constructor(body: Uint8Array, headers: MsgHdrs) {
    // the server adds its own headers after the event's, so the last value of a name is the server's
    this.seq = Number(headers.last('Nats-Sequence'))
    this.subject = headers.last('Nats-Subject')
    this.body = body
    this.headers = headers
  }

  get at(): Date {
    return new Date(this.headers.last('Nats-Time-Stamp'))
  }
}

/** The error for a status that the server sent instead of messages, as one of the client's own errors. */
const refusalOf = (code: number, description: string): Error =>
  code === NO_RESPONDERS
    ? new errors.RequestError('no replica of the stream can be reached')
    : new JetStreamError(`${description} (${code})`)

/** One subscription for all direct reads of a connection: each request has a token in its reply subject. */
type Inbox = {
  readonly send: (subject: string, body: string, onMessage: (message: Msg) => void) => string
  readonly forget: (token: string) => void
}

const openInbox = (nc: NatsConnection, prefix: string | undefined): Inbox => {
  const inbox = createInbox(prefix)
  const waiting = new Map<string, (message: Msg) => void>()
  let sent = 0
  const subscription = nc.subscribe(`${inbox}.*`, {
    callback: (error, message) => {
      if (error === null) waiting.get(message.subject.slice(inbox.length + 1))?.(message)
      else inboxes.delete(nc)
    },
  })
  // the inbox of a closed connection cannot be used again
  void subscription.closed.then(() => inboxes.delete(nc))
  return {
    send: (subject, body, onMessage) => {
      sent += 1
      const token = String(sent)
      nc.publish(subject, body, { reply: `${inbox}.${token}` })
      waiting.set(token, onMessage)
      return token
    },
    forget: token => {
      waiting.delete(token)
    },
  }
}

const inboxes = new WeakMap<NatsConnection, Inbox>()

/** The connection's inbox prefix: an option of the client that its types do not show. */
const prefixOf = (nc: NatsConnection): string | undefined =>
  (nc as unknown as { readonly options?: { readonly inboxPrefix?: string } }).options?.inboxPrefix

const inboxOf = (nc: NatsConnection): Inbox => {
  const known = inboxes.get(nc) ?? openInbox(nc, prefixOf(nc))
  inboxes.set(nc, known)
  return known
}

/**
 * Adds a message to the answer of one send. Gives the result when the answer is complete or refused, else undefined.
 */
const take = (messages: Recorded[], { data, headers }: Msg): DirectAnswer | Error | undefined => {
  if (headers === undefined) return new JetStreamError('a replica answered without headers')
  const { code } = headers
  if (data.length > 0 || code === 0) {
    messages.push(new DirectRecorded(data, headers))
    return undefined
  }
  if (code === NO_MESSAGES) return { messages, up_to_seq: undefined }
  if (code !== END_OF_BATCH) return refusalOf(code, headers.description)
  const up_to_seq = Number(headers.last('Nats-UpTo-Sequence'))
  return { messages, up_to_seq: up_to_seq > 0 ? up_to_seq : undefined }
}

const ask = (inbox: Inbox, subject: string, body: string): Promise<DirectAnswer> =>
  new Promise((resolve, reject) => {
    const tokens: string[] = []
    let has_heard = false
    let sends = 0
    let timer: NodeJS.Timeout | undefined

    const end = (result: DirectAnswer | Error): void => {
      clearTimeout(timer)
      for (const token of tokens) inbox.forget(token)
      if (result instanceof Error) reject(result)
      else resolve(result)
    }

    const send = (): void => {
      const messages: Recorded[] = []
      sends += 1
      tokens.push(
        inbox.send(subject, body, message => {
          has_heard = true
          const result = take(messages, message)
          if (result !== undefined) end(result)
        }),
      )
    }

    const look = (): void => {
      if (!has_heard && sends === SENDS_MAX) {
        end(new errors.TimeoutError())
        return
      }
      try {
        if (!has_heard) send()
      } catch (cause) {
        end(cause instanceof Error ? cause : new Error(String(cause)))
        return
      }
      has_heard = false
      timer = setTimeout(look, SILENT_MS_MAX)
    }
    look()
  })

/** Reads messages of `stream` from the replica that answers first. `TryAgain` when none answers within a second. */
export const readDirect = (
  nc: NatsConnection,
  stream: string,
  query: DirectQuery,
): TaskEither<StreamError, DirectAnswer> =>
  tryStream(`read ${stream}`, async () =>
    ask(inboxOf(nc), `$JS.API.DIRECT.GET.${stream}`, JSON.stringify(query)),
  )
