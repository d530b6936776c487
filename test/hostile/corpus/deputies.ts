/**
 * Lists requests whose reply subject is a place where answers must not go: the ledger, the key-value store, the server's own
 * API, another service. The service must not act as a confused deputy: it does not answer these requests, and does not carry
 * out a command of this kind.
 */

import { type DeputyInput, done, NOBODY, type RequestInput } from '../inputs.js'
import { headerBlock } from '../raw-nats.js'

const PLACES: readonly (readonly [name: string, reply: DeputyInput['reply']])[] = [
  ["a customer's subject", 'customer.balance.victim'],
  ['a parked mark', '$KV.config.parked.ledger.dmljdGlt'],
  ['the pointer of the projection', '$KV.config.projection.ledger'],
  ['the mark of seeding', '$KV.config.seed'],
  ['a dead letter that is to come', ({ next_seq }) => `customer.dead-letter.victim.${next_seq + 2_000}`],
  ['the mark of a dead letter', 'customer.dead-letter.x.1.mark'],
  ["JetStream's API", '$JS.API.STREAM.INFO.customer-balances'],
  ['an acknowledgement', '$JS.ACK.customer-balances.ledger.1.1.1.1.1'],
  ['another service', '$SRV.PING.customer'],
  ['a command', 'customer.credit'],
  ["the system's account", '$SYS.REQ.SERVER.PING'],
  ['a subject of somebody', 'orders.new'],
  ['something like an inbox', '_INBOXES.a'],
  ['an inbox in small letters', '_inbox.a'],
  ['an inbox further down', 'a._INBOX.b'],
  ['nothing but the prefix', '_INBOX'],
  ['an inbox with a wildcard', '_INBOX.*.a'],
  ['all inboxes', '_INBOX.>'],
  ['an inbox with an empty token', '_INBOX..a'],
  ['an inbox that ends in a dot', '_INBOX.a.'],
  ['an inbox of 3,000 characters', `_INBOX.${'x'.repeat(3_000)}`],
]

const ASKED: readonly (readonly [subject: string, body: string])[] = [
  ['customer.balance', '{"client_id":"678"}'],
  ['customer.balance', 'not JSON'],
  ['customer.statement', '{"client_id":"678"}'],
  ['customer.transaction', '{"transaction_id":"never-seen"}'],
  ['customer.credit', '{"client_id":"deputy","amount":1}'],
  ['customer.batch', '{"mode":"each","commands":[{"type":"credit","client_id":"deputy","amount":1}]}'],
  ['$SRV.PING', ''],
  ['$SRV.INFO.customer', ''],
  ['$SRV.STATS.customer', ''],
]

/** The customer that the commands above would credit: it must stay without events. */
export const DEPUTY = 'deputy'

export const DEPUTIES: readonly DeputyInput[] = PLACES.flatMap(([place, reply], i) =>
  // each place gets every second request, so that each request meets every kind of place
  ASKED.filter((_, j) => (i + j) % 2 === 0).map(([subject, body]) => ({
    name: `deputy: ${subject} ${body} answered to ${place}`,
    subject,
    body,
    reply,
  })),
)

const control = (
  name: string,
  subject: string,
  gives: RequestInput['gives'],
  rest: Partial<RequestInput> = {},
): RequestInput => ({ name: `control: ${name}`, subject, gives, ...rest })

/** Discovery and monitoring ignore the body of the request, and answer it. */
export const CONTROL: readonly RequestInput[] = [
  control('PING', '$SRV.PING', done('ping_response')),
  control('PING with a body that is no JSON', '$SRV.PING.customer', done('ping_response'), { body: '{"' }),
  control('INFO with 900 KB', '$SRV.INFO.customer', done('info_response'), { body: 'x'.repeat(900_000) }),
  control('STATS with odd headers', '$SRV.STATS.customer', done('stats_response'), {
    header: headerBlock('bad name: x', 'nothing here'),
  }),
  control('STATS with __proto__', '$SRV.STATS', done('stats_response'), { body: '{"__proto__":{"id":1}}' }),
  control('PING in small letters', '$SRV.ping.customer', NOBODY),
  control('PING of another service', '$SRV.PING.customers', NOBODY),
  control('PING of an instance that is not there', '$SRV.PING.customer.nobody', NOBODY),
  control('PING with a token more', '$SRV.PING.customer.a.b', NOBODY),
  control('an unknown verb', '$SRV.SCHEMA.customer', NOBODY),
  control('an unknown endpoint', 'customer.nothing', NOBODY, { body: '{}' }),
  control('an endpoint with a token more', 'customer.credit.678', NOBODY, { body: '{}' }),
]
