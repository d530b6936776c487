/** Measures the baselines: NATS and JetStream on this machine, without Jetledger. */

import { jetstream } from '@nats-io/jetstream'
import type { NatsConnection } from 'nats'
import { E } from '../../src/fp.js'
import { BATCH_MESSAGES_MAX, type BatchMessage, publishBatch } from '../../src/stream/publish.js'
import type { Operation, Result } from '../measure/job.js'
import { codeOf, type Random, REQUEST_TIMEOUT_MS, refused, request } from './client-request.js'
import { rawCustomer } from './customers.js'

export const ECHO_SUBJECT = 'bench.echo'

/** The smallest possible event: everything that Jetledger adds to it counts as Jetledger's cost. */
const EVENT = '{"type":"credit","amount":1}'
const ACCEPTED: Result = { accepted: 1 }

const rawSubject = (random: Random): string => `customer.balance.${rawCustomer(random)}`

/** Sends a request as long as a credit to a responder that does nothing. */
export const echo = (nc: NatsConnection, random: Random): Operation => {
  return () => request(nc, ECHO_SUBJECT, JSON.stringify({ client_id: rawCustomer(random), amount: 1 }))
}

export const rawSingle = (nc: NatsConnection, random: Random): Operation => {
  const js = jetstream(nc)
  return async () => {
    try {
      await js.publish(rawSubject(random), EVENT, { timeout: REQUEST_TIMEOUT_MS })
      return ACCEPTED
    } catch (error) {
      return refused(codeOf(error))
    }
  }
}

const BATCH: Result = { accepted: BATCH_MESSAGES_MAX }

/** Publishes an atomic batch with the NATS client's own batch publisher. */
export const rawBatch = (nc: NatsConnection, random: Random): Operation => {
  const js = jetstream(nc)
  return async () => {
    try {
      const batch = await js.startBatch(rawSubject(random), EVENT, { timeout: REQUEST_TIMEOUT_MS })
      for (let i = 2; i < BATCH_MESSAGES_MAX; i += 1) batch.add(rawSubject(random), EVENT)
      await batch.commit(rawSubject(random), EVENT, { timeout: REQUEST_TIMEOUT_MS })
      return BATCH
    } catch (error) {
      return refused(codeOf(error))
    }
  }
}

/** Publishes the same batch with our writer (src/wire.ts), which uses less CPU: the harder baseline. */
export const ownBatch = (nc: NatsConnection, random: Random): Operation => {
  const message = (): BatchMessage => ({ subject: rawSubject(random), body: EVENT })
  return async () => {
    const messages = Array.from({ length: BATCH_MESSAGES_MAX }, message)
    const stored = await publishBatch(nc, messages, REQUEST_TIMEOUT_MS)()
    return E.isRight(stored) ? BATCH : refused(String(stored.left.code ?? stored.left.tag))
  }
}
