/**
 * Measures the baseline of a ledger: nats-server stores events with everything that keeps a ledger exact (message ids and
 * expected sequences), but no command side decides about them.
 */

import { randomUUID } from 'node:crypto'
import type { NatsConnection } from 'nats'
import { E } from '../../src/fp.js'
import { BATCH_MESSAGES_MAX, type BatchMessage, publishBatch } from '../../src/stream/publish.js'
import type { Operation } from '../measure/job.js'
import { type Random, REQUEST_TIMEOUT_MS, refused } from './client-request.js'
import { CUSTOMERS } from './customers.js'

/** Batches in flight together must not share a customer: four of them use all customers, as the line in bulk does. */
const SHARE_CUSTOMERS = CUSTOMERS / 4

/** A group of customers for one batch at a time, with the sequence of each one's last event, as the command side keeps it. */
type Share = { readonly name: string; readonly last_seqs: Map<string, number> }

const bodyOf = (id: string): string =>
  `{"schema":1,"type":"credit","amount":1,"transaction_id":"${id}","after":{"balance":1000000000001,"version":1001}}`

/** A message as the command side publishes it. Without an expected sequence it is a later event of its customer in a batch. */
export const guardedEvent = (subject: string, id: string, expected: number | undefined): BatchMessage => ({
  subject,
  body: bodyOf(id),
  msg_id: id,
  expected_last_subject_seq: expected,
})

const messagesOf = ({ name, last_seqs }: Share, random: Random): BatchMessage[] => {
  const seen = new Set<string>()
  return Array.from({ length: BATCH_MESSAGES_MAX }, () => {
    const subject = `customer.balance.${name}-${Math.floor(random() * SHARE_CUSTOMERS)}`
    const id = randomUUID()
    const expected = seen.has(subject) ? undefined : (last_seqs.get(subject) ?? 0)
    seen.add(subject)
    return guardedEvent(subject, id, expected)
  })
}

/** Unused shares, kept from one measurement of this process to the next, because the stream also keeps their sequences. */
const idle: Share[] = []
let shares = 0

const newShare = (): Share => {
  shares += 1
  return { name: `bench-raw-${process.pid}-${shares}`, last_seqs: new Map() }
}

/** Publishes an atomic batch whose events have message ids, bodies as long as ours, and expected sequences. */
export const guardedBatch =
  (nc: NatsConnection, random: Random): Operation =>
  async () => {
    const share = idle.pop() ?? newShare()
    const messages = messagesOf(share, random)
    const stored = await publishBatch(nc, messages, REQUEST_TIMEOUT_MS)()
    idle.push(share)
    if (E.isLeft(stored)) return refused(String(stored.left.code ?? stored.left.tag))
    const first_seq = stored.right.seq - messages.length + 1
    messages.forEach(({ subject }, i) => {
      share.last_seqs.set(subject, first_seq + i)
    })
    return { accepted: messages.length }
  }
