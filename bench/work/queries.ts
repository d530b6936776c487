/** Sends reads as clients do. */

import type { NatsConnection } from 'nats'
import type { Operation, Result } from '../measure/job.js'
import { codeOf, type Random, REQUEST_TIMEOUT_MS, refused, request } from './client-request.js'
import { anyone, hot } from './customers.js'

const BALANCE_SUBJECT = 'customer.balance'

const ANSWER = Buffer.from('{"balance":')
const ACCEPTED: Result = { accepted: 1 }

const isAnswer = (body: Uint8Array): boolean => {
  for (let i = 0; i < ANSWER.length; i += 1) if (body[i] !== ANSWER[i]) return false
  return true
}

/** Recognizes a balance by the body: decoding the headers of each reply would measure the client instead. */
const balance =
  (customer: (random: Random) => string) =>
  (nc: NatsConnection, random: Random): Operation =>
  async () => {
    try {
      const body = `{"client_id":"${customer(random)}"}`
      const reply = await nc.request(BALANCE_SUBJECT, body, { timeout: REQUEST_TIMEOUT_MS })
      return isAnswer(reply.data)
        ? ACCEPTED
        : refused(reply.headers?.get('Nats-Service-Error') ?? 'NO_BALANCE')
    } catch (error) {
      return refused(codeOf(error))
    }
  }

export const balanceHot = balance(hot)
export const balanceUniform = balance(anyone)

/** The predecessor's ids, 1 to 1000, one after the other. */
export const SEEDED_CUSTOMERS = 1_000

/** Asks as the predecessor's own benchmark did; the reply has to parse as JSON. */
export const balanceSeeded = (nc: NatsConnection): Operation => {
  let asked = 0
  return () => {
    asked += 1
    const id = ((asked - 1) % SEEDED_CUSTOMERS) + 1
    return request(nc, BALANCE_SUBJECT, `{"client_id":"${id}"}`, reply => {
      reply.json()
      return { accepted: 1 }
    })
  }
}
