/**
 * Serves commands, over NATS and by bare fastify routes, with the least that a ledger on JetStream does: each one's events are
 * stored with a message id and an expected sequence, in atomic batches with those that wait beside it, and it is answered when
 * nats-server has acknowledged them. Nothing is decided. Balances are answered from memory. So it is the upper limit.
 */

import Fastify, { type FastifyRequest } from 'fastify'
import { connect, type Msg } from 'nats'
import type { ClientMessage } from '../measure/job.js'
import { BALANCE_PREFIX } from '../work/customers.js'
import { createGroupWriter } from '../work/group-writer.js'

type Credit = { readonly client_id: string; readonly amount: number }
type Transfer = { readonly from: string; readonly to: string; readonly amount: number }
type WithId = { readonly transaction_id: string }
type Batch = { readonly commands: readonly (Credit & Partial<WithId>)[] }

const LOOPBACK = '127.0.0.1'
/** What every account has: nothing is decided here. */
const ACCOUNT = { balance: 1_000_000_000_001, version: 1_001 }

process.on('disconnect', () => process.exit(0))

const [, , nats_urls = '', port] = process.argv
const nc = await connect({
  servers: nats_urls.split(','),
  name: 'jetledger-bench-bare-writer',
  reconnect: false,
  noAsyncTraces: true,
})
const write = createGroupWriter(nc)

const credit = async ({ client_id }: Credit, transaction_id: string) => {
  const seq = await write([{ subject: `${BALANCE_PREFIX}${client_id}`, id: transaction_id }])
  return { transaction_id, client_id, ...ACCOUNT, seq }
}

const transfer = async ({ from, to }: Transfer, transaction_id: string) => {
  const seq = await write([
    { subject: `${BALANCE_PREFIX}${from}`, id: transaction_id },
    { subject: `${BALANCE_PREFIX}${to}`, id: `${transaction_id}:in` },
  ])
  return {
    transaction_id,
    from: { client_id: from, ...ACCOUNT, seq },
    to: { client_id: to, ...ACCOUNT, seq: seq + 1 },
  }
}

const batch = async ({ commands }: Batch, key: string) => {
  const all = commands.map((command, i) => credit(command, command.transaction_id ?? `${key}:${i}`))
  return { results: await Promise.all(all) }
}

const serve = <C>(subject: string, answer: (command: C) => Promise<unknown>): void => {
  const respond = (message: Msg): void => {
    void answer(message.json<C>()).then(
      body => message.respond(JSON.stringify(body)),
      (error: unknown) =>
        message.respond(JSON.stringify({ error: { code: 'UNAVAILABLE', message: JSON.stringify(error) } })),
    )
  }
  nc.subscribe(subject, { callback: (_error, message) => respond(message) })
}
serve<Credit & WithId>('customer.credit', command => credit(command, command.transaction_id))
serve<Transfer & WithId>('customer.transfer', command => transfer(command, command.transaction_id))
serve<Batch>('customer.batch', command => batch(command, ''))
await nc.flush()

const keyOf = ({ headers }: FastifyRequest): string => String(headers['idempotency-key'])

const app = Fastify()
app.post<{ Params: { client_id: string } }>('/v1/customers/:client_id/credits', async (request, reply) => {
  reply.status(201)
  const { amount } = request.body as Pick<Credit, 'amount'>
  return credit({ client_id: request.params.client_id, amount }, keyOf(request))
})
app.post('/v1/transfers', async (request, reply) => {
  reply.status(201)
  return transfer(request.body as Transfer, keyOf(request))
})
app.post('/v1/batches', async request => batch(request.body as Batch, keyOf(request)))
app.get<{ Params: { client_id: string } }>('/v1/customers/:client_id/balance', async ({ params }) => ({
  client_id: params.client_id,
  ...ACCOUNT,
  seq: ACCOUNT.version,
}))
await app.listen({ host: LOOPBACK, port: Number(port) })
const ready: ClientMessage = { tag: 'ready' }
process.send?.(ready)
