/** Reads as clients send them. */

import type { NatsConnection } from 'nats'
import type { Operation } from '../measure/job.js'
import { anyone, hot } from './customers.js'
import { type Random, request } from './request.js'

export const BALANCE_SUBJECT = 'customer.balance'

const balance =
  (customer: (random: Random) => string) =>
  (nc: NatsConnection, random: Random): Operation =>
  () =>
    request(nc, BALANCE_SUBJECT, `{"client_id":"${customer(random)}"}`)

export const balanceHot = balance(hot)
export const balanceUniform = balance(anyone)

/** The predecessor's ids, 1 to 1000, one after the other. */
export const SEEDED_CUSTOMERS = 1_000

/** As the predecessor's own benchmark asked: a time-out of 5 s, and a reply that has to parse. */
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
