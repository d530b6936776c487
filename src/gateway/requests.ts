/**
 * Sends requests to the service: all that begin within one turn of the event loop leave together, in one write.
 *
 * Requests over HTTP come in on many sockets. The client's own `request` writes to NATS after each of them, and makes four
 * promises, a timer and an error with its stack trace for each. Here a request is an entry in a map and one promise; its
 * outcome is the same, also the client's errors. All requests of a connection share one subscription.
 */

import { createInbox, errors, type Msg, type NatsConnection } from 'nats'
import { uuidv7 } from '../uuid.js'
import { wireOf } from '../wire.js'

type Waiting = {
  readonly subject: string
  readonly resolve: (message: Msg) => void
  readonly reject: (error: Error) => void
  readonly timer: NodeJS.Timeout
}

type Unsent = {
  readonly token: string
  readonly subject: string
  readonly body: string
  readonly lines: string
}

type Requests = (subject: string, body: string, timeout_ms: number, lines: string) => Promise<Msg>

const NO_RESPONDERS = 503

const isUnserved = ({ data, headers }: Msg): boolean => data.length === 0 && headers?.code === NO_RESPONDERS

/** An error as the client's `request` gives it. */
const requestError = (cause: Error): Error => new errors.RequestError(cause.message, { cause })

const errorOf = (thrown: unknown): Error => (thrown instanceof Error ? thrown : new Error(String(thrown)))

/** The connection's inbox prefix: an option of the client that its types do not show. */
const prefixOf = (nc: NatsConnection): string | undefined =>
  (nc as unknown as { readonly options?: { readonly inboxPrefix?: string } }).options?.inboxPrefix

/** The requests that wait for their answers, by the tokens in their reply subjects. */
const createWaiting = () => {
  const waiting = new Map<string, Waiting>()
  const take = (token: string): Waiting | undefined => {
    const one = waiting.get(token)
    if (one === undefined) return undefined
    waiting.delete(token)
    clearTimeout(one.timer)
    return one
  }
  const fail = (token: string, error: Error): void => take(token)?.reject(error)
  return {
    take,
    fail,
    add: (token: string, subject: string, timeout_ms: number): Promise<Msg> =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => fail(token, new errors.TimeoutError()), timeout_ms)
        waiting.set(token, { subject, resolve, reject, timer })
      }),
    failAll: (error: Error, subject?: string): void => {
      for (const [token, one] of waiting) {
        if (subject === undefined || one.subject === subject) fail(token, error)
      }
    },
  }
}

/** Fails the requests to a subject on which the connection's user may not publish. */
const watchRights = async (
  nc: NatsConnection,
  onForbidden: (error: Error, subject: string) => void,
): Promise<void> => {
  for await (const status of nc.status()) {
    if (status.type !== 'error' || !(status.error instanceof errors.PermissionViolationError)) continue
    if (status.error.operation === 'publish') onForbidden(requestError(status.error), status.error.subject)
  }
}

const createRequests = (nc: NatsConnection): Requests => {
  const wire = wireOf(nc)
  const inbox = createInbox(prefixOf(nc))
  const waiting = createWaiting()
  let unsent: Unsent[] = []

  const subscription = nc.subscribe(`${inbox}.*`, {
    callback: (error, message) => {
      if (error !== null) {
        // without the subscription no answer can come; the next request makes another one
        known.delete(nc)
        waiting.failAll(requestError(error))
        return
      }
      const one = waiting.take(message.subject.slice(inbox.length + 1))
      if (one === undefined) return
      if (isUnserved(message)) one.reject(requestError(new errors.NoRespondersError(one.subject)))
      else one.resolve(message)
    },
  })
  void subscription.closed.then(() => {
    known.delete(nc)
    waiting.failAll(new errors.RequestError('connection closed'))
  })
  void watchRights(nc, waiting.failAll)

  const send = (): void => {
    const sending = unsent
    unsent = []
    for (const { token, subject, body, lines } of sending) {
      try {
        wire.publish(subject, body, lines, `${inbox}.${token}`)
      } catch (thrown) {
        waiting.fail(token, errorOf(thrown))
      }
    }
  }

  return (subject, body, timeout_ms, lines) => {
    // the poll phase hands over all that the sockets brought; `setImmediate` comes after it
    if (unsent.length === 0) setImmediate(send)
    const token = uuidv7()
    unsent.push({ token, subject, body, lines })
    return waiting.add(token, subject, timeout_ms)
  }
}

const known = new WeakMap<NatsConnection, Requests>()

/**
 * Sends one request, with the header lines `lines`, and resolves with the reply. Rejects as the client's `request` does: `TimeoutError` after `timeout_ms`,
 * else `RequestError`, or an error of `Wire.publish`.
 */
export const request = async (
  nc: NatsConnection,
  subject: string,
  body: string,
  timeout_ms: number,
  lines = '',
): Promise<Msg> => {
  if (nc.isClosed()) throw new errors.ClosedConnectionError()
  const requests = known.get(nc) ?? createRequests(nc)
  known.set(nc, requests)
  return requests(subject, body, timeout_ms, lines)
}
