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
import { createInbox, errors, type Msg, type NatsConnection } from 'nats'
import '../headers.js'
import type { TaskEither } from '../fp.js'
import { DirectRecorded } from './direct-message.js'
import { type StreamError, tryStream } from './errors.js'

/**
 * A request: the last message of each of up to 1,000 subjects; a number of messages in order, of one subject or of all; or
 * one message. An answer with several messages ends at its number of messages, at its bytes, or at the replica's end.
 *
 * With a subject, nats-server counts what is left before it reads a batch, and for a subject with a wildcard it looks at each
 * subject of the stream. So a reading of all subjects names none, and one message is asked for without `batch`.
 */
export type DirectQuery =
  | { readonly multi_last: readonly string[]; readonly up_to_seq?: number }
  | {
      readonly seq: number
      readonly batch: number
      readonly max_bytes?: number
      readonly next_by_subj?: string | undefined
    }
  | { readonly seq: number; readonly next_by_subj: string }

export type DirectAnswer = {
  readonly messages: readonly DirectRecorded[]
  /** For `multi_last`: the end of the stream as the replica had it; undefined when it found no message. */
  readonly up_to_seq: number | undefined
  /** For a number of messages: how many the replica has after them; 0 when it found no message. */
  readonly pending: number
}

/** A request that gets no message for this time is sent again. */
const SILENT_MS_MAX = 250
/**
 * The largest number of sends of one request. A request that gets messages is not sent again: the server sends all that
 * it has at once.
 */
const SENDS_MAX = 4

/** A timer that is late by more than this says that the process was busy, and nothing about the replica. */
const LATE_MS = 50

const NO_MESSAGES = 404
const END_OF_BATCH = 204
const NO_RESPONDERS = 503

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

/** What one send has brought so far. */
type Send = {
  readonly messages: DirectRecorded[]
  /** The sequence of the newest of them; 0 before the first one. */
  last_seq: number
  /** A part of the answer is lost: over a connection that was made anew, the rest of it may arrive all the same. */
  has_gap: boolean
}

/** Ends an answer with its closing status; undefined: messages are missing before it. */
const close = ({ messages, last_seq }: Send, { headers }: Msg): DirectAnswer | Error | undefined => {
  if (headers === undefined) return new JetStreamError('a replica answered without headers')
  const { code, description } = headers
  if (code === NO_MESSAGES) return { messages, up_to_seq: undefined, pending: 0 }
  if (code !== END_OF_BATCH) return refusalOf(code, description)
  if (Number(headers.last('Nats-Last-Sequence')) !== last_seq) return undefined
  const up_to_seq = Number(headers.last('Nats-UpTo-Sequence'))
  const pending = Number(headers.last('Nats-Num-Pending'))
  return { messages, up_to_seq: up_to_seq > 0 ? up_to_seq : undefined, pending }
}

/** Whether this is no stored message: an answer without a body whose header block has a status. */
const isStatus = (message: Msg): boolean => {
  if (message.data.length > 0) return false
  // the headers are decoded here, which costs more than the rest, and nearly no stored message comes here
  const { headers } = message
  return headers === undefined || headers.code !== 0
}

/**
 * Adds a message to the answer of one send. Gives the result when the answer is complete or refused, else undefined.
 */
const take = (send: Send, message: Msg, is_single: boolean): DirectAnswer | Error | undefined => {
  if (isStatus(message)) {
    const closed = close(send, message)
    send.has_gap = closed === undefined
    return closed
  }
  const recorded = new DirectRecorded(message)
  send.has_gap = recorded.previous_seq !== send.last_seq
  if (send.has_gap) return undefined
  send.messages.push(recorded)
  send.last_seq = recorded.seq
  return is_single ? { messages: send.messages, up_to_seq: undefined, pending: 0 } : undefined
}

const ask = (inbox: Inbox, subject: string, body: string, is_single: boolean): Promise<DirectAnswer> =>
  new Promise((resolve, reject) => {
    const tokens: string[] = []
    let has_heard = false
    let timer: NodeJS.Timeout | undefined
    let due_ms = 0

    const end = (result: DirectAnswer | Error): void => {
      clearTimeout(timer)
      for (const token of tokens) inbox.forget(token)
      if (result instanceof Error) reject(result)
      else resolve(result)
    }

    const send = (): void => {
      const brought: Send = { messages: [], last_seq: 0, has_gap: false }
      const token = inbox.send(subject, body, message => {
        if (brought.has_gap) return
        const result = take(brought, message, is_single)
        has_heard ||= !brought.has_gap
        if (result !== undefined) end(result)
      })
      tokens.push(token)
    }

    /** Sends the request, again if it got no message since the last look. False when it was sent often enough. */
    const sendIfSilent = (): boolean => {
      // this process was busy for so long that an answer may have arrived unread
      const is_late = tokens.length > 0 && performance.now() - due_ms > LATE_MS
      if (has_heard || is_late) return true
      if (tokens.length === SENDS_MAX) return false
      send()
      return true
    }

    const look = (): void => {
      try {
        if (sendIfSilent()) {
          has_heard = false
          due_ms = performance.now() + SILENT_MS_MAX
          timer = setTimeout(look, SILENT_MS_MAX)
        } else end(new errors.TimeoutError())
      } catch (cause) {
        end(cause instanceof Error ? cause : new Error(String(cause)))
      }
    }
    look()
  })

const isSingle = (query: DirectQuery): boolean => !('multi_last' in query || 'batch' in query)

/** Reads messages of `stream` from the replica that answers first. `TryAgain` when none answers within a second. */
export const readDirect = (
  nc: NatsConnection,
  stream: string,
  query: DirectQuery,
): TaskEither<StreamError, DirectAnswer> =>
  tryStream(`read ${stream}`, async () =>
    ask(inboxOf(nc), `$JS.API.DIRECT.GET.${stream}`, JSON.stringify(query), isSingle(query)),
  )
