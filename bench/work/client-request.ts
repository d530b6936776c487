/** Makes one NATS request of a load client, and classifies its outcome by code. */

import { errors, type Msg, type NatsConnection } from 'nats'
import { NO_RESPONDERS, type Result } from '../measure/job.js'

export const REQUEST_TIMEOUT_MS = 10_000

const ONE: Result = { accepted: 1 }

/** The load client's random numbers in [0, 1). */
export type Random = () => number

export const refused = (code: string): Result => ({ accepted: 0, errors: { [code]: 1 } })

export const codeOf = (error: unknown): string => {
  if (error instanceof errors.NoRespondersError) return NO_RESPONDERS
  if (error instanceof errors.RequestError && error.isNoResponders()) return NO_RESPONDERS
  if (error instanceof errors.TimeoutError) return 'TIMEOUT'
  return error instanceof Error ? error.name : String(error)
}

/** Sends a request. `count` gives the result of a reply without an error header; one accepted unless stated. */
export const request = async (
  nc: NatsConnection,
  subject: string,
  body: string,
  count: (reply: Msg) => Result = () => ONE,
): Promise<Result> => {
  try {
    const reply = await nc.request(subject, body, { timeout: REQUEST_TIMEOUT_MS })
    if (reply.headers === undefined || !reply.headers.has('Nats-Service-Error-Code')) return count(reply)
    return refused(reply.headers.get('Nats-Service-Error'))
  } catch (error) {
    return refused(codeOf(error))
  }
}
