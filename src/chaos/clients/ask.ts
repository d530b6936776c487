/**
 * Asking over NATS and writing down both ends of it.
 */

import { errors, type NatsConnection, headers as newHeaders } from 'nats'
import { type Call, type Failure, type History, nowUs } from '../history.js'

/** One client's way to the servers. */
export type Line = {
  readonly client: number
  /** The name of its group. */
  readonly via: string
  readonly nc: NatsConnection
}

export type Question = Pick<Call, 'kind' | 'subject' | 'body'> & {
  readonly headers?: Readonly<Record<string, string>>
}

export type Heard =
  | { readonly tag: 'answer'; readonly body: string; readonly headers: Readonly<Record<string, string>> }
  | { readonly tag: 'failure'; readonly reason: Failure['reason'] }

export type Ask = (line: Line, question: Question) => Promise<Heard>

/** Longer than the service works on anything, so that its own answer comes first where one comes. */
export const ASK_MS_MAX = 8_000

const reasonOf = (cause: unknown): Failure['reason'] => {
  if (cause instanceof errors.RequestError && cause.isNoResponders()) return 'no responders'
  return cause instanceof errors.TimeoutError ? 'timeout' : 'other'
}

const encoded = (lines: Readonly<Record<string, string>>) => {
  const headers = newHeaders()
  for (const [name, value] of Object.entries(lines)) headers.set(name, value)
  return headers
}

/** Numbers calls over all clients of one history. */
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
