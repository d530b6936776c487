/**
 * Sends requests over NATS and writes each call and its end into the history.
 */

import { errors, type NatsConnection, headers as newHeaders } from 'nats'
import { type Call, type History, nowUs, type UnansweredCall } from '../history.js'

/** The connection of one client to the servers. */
export type ClientConnection = {
  readonly client: number
  /** The name of the client's group. */
  readonly via: string
  readonly nc: NatsConnection
}

export type CallRequest = Pick<Call, 'kind' | 'subject' | 'body'> & {
  readonly headers?: Readonly<Record<string, string>>
}

/** The end of a call: an answer, or a failure without one. */
export type CallResult =
  | { readonly tag: 'answer'; readonly body: string; readonly headers: Readonly<Record<string, string>> }
  | { readonly tag: 'failure'; readonly reason: UnansweredCall['reason'] }

export type Ask = (line: ClientConnection, question: CallRequest) => Promise<CallResult>

/** The time-out of a request. The service usually works on a request for less time, so that its own answer comes first. */
export const ASK_MS_MAX = 8_000

const reasonOf = (cause: unknown): UnansweredCall['reason'] => {
  if (cause instanceof errors.RequestError && cause.isNoResponders()) return 'no responders'
  return cause instanceof errors.TimeoutError ? 'timeout' : 'other'
}

const encoded = (lines: Readonly<Record<string, string>>) => {
  const headers = newHeaders()
  for (const [name, value] of Object.entries(lines)) headers.set(name, value)
  return headers
}

/** Creates the asking function of one history. It numbers the calls of all clients in one sequence. */
export const createAsk = (history: History): Ask => {
  let last_op = 0
  return async ({ client, via, nc }, { kind, subject, body, headers = {} }) => {
    last_op += 1
    const op = last_op
    history.write({ tag: 'call', op, at_us: nowUs(), client, via, kind, subject, headers, body })
    try {
      const options = { timeout: ASK_MS_MAX, headers: encoded(headers) }
      const reply = await nc.request(subject, body, options)
      const at_us = nowUs()
      const answer = {
        headers: Object.fromEntries(
          (reply.headers?.keys() ?? []).map(name => [name, reply.headers?.get(name) ?? '']),
        ),
        body: reply.string(),
      }
      history.write({ tag: 'answer', op, at_us, ...answer })
      return { tag: 'answer', ...answer }
    } catch (cause) {
      const reason = reasonOf(cause)
      const message = cause instanceof Error ? cause.message : String(cause)
      history.write({ tag: 'failure', op, at_us: nowUs(), reason, message })
      return { tag: 'failure', reason }
    }
  }
}
