/**
 * Serves credits, over NATS and by a bare fastify route, with the least that a ledger on JetStream does: each is one guarded event
 * in the stream, and is answered when nats-server has acknowledged it. Nothing is decided, nothing is projected. So it is
 * the upper limit for a client that waits for each answer.
 */

import Fastify from 'fastify'
import { connect } from 'nats'
import { run } from '../../src/fp.js'
import { publish } from '../../src/stream/publish.js'
import type { ClientMessage } from '../measure/job.js'
import { REQUEST_TIMEOUT_MS } from '../work/client-request.js'
import { guardedEvent } from '../work/guarded.js'

type Credit = { readonly client_id: string; readonly amount: number; readonly transaction_id: string }

const LOOPBACK = '127.0.0.1'

process.on('disconnect', () => process.exit(0))

const [, , nats_urls = '', port] = process.argv
const nc = await connect({
  servers: nats_urls.split(','),
  name: 'jetledger-bench-bare-writer',
  reconnect: false,
  noAsyncTraces: true,
})
/** The sequence of each customer's last event, as a command side keeps it. */
const last_seqs = new Map<string, number>()

const store = async ({ client_id, transaction_id }: Credit) => {
  const subject = `customer.balance.${client_id}`
  const event = guardedEvent(subject, transaction_id, last_seqs.get(subject) ?? 0)
  const { seq } = await run(publish(nc, event, REQUEST_TIMEOUT_MS))
  last_seqs.set(subject, seq)
  return { transaction_id, client_id, balance: 1_000_000_000_001, version: 1_001, seq }
}

nc.subscribe('customer.credit', {
  callback: (_error, message) => {
    void store(message.json<Credit>()).then(
      movement => message.respond(JSON.stringify(movement)),
      (error: unknown) =>
        message.respond(JSON.stringify({ error: { code: 'UNAVAILABLE', message: String(error) } })),
    )
  },
})
await nc.flush()

const app = Fastify()
app.post<{ Params: { client_id: string } }>('/v1/customers/:client_id/credits', async (request, reply) => {
  const { amount } = request.body as Pick<Credit, 'amount'>
  const transaction_id = String(request.headers['idempotency-key'])
  reply.status(201)
  return store({ client_id: request.params.client_id, amount, transaction_id })
})
await app.listen({ host: LOOPBACK, port: Number(port) })
const ready: ClientMessage = { tag: 'ready' }
process.send?.(ready)
