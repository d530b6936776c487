/**
 * Serves the PostgreSQL ledger that is written by hand over HTTP: a bare fastify route for each command, with the paths,
 * bodies and answers of the gateway, and without its checks.
 */

import Fastify, { type FastifyRequest } from 'fastify'
import type { ClientMessage } from '../measure/job.js'
import { createPostgresLedger } from '../work/postgres-ledger.js'

type Credit = { readonly client_id: string; readonly amount: number }
type Transfer = { readonly from: string; readonly to: string; readonly amount: number }
type Batch = { readonly commands: readonly Credit[] }

const LOOPBACK = '127.0.0.1'

const keyOf = ({ headers }: FastifyRequest): string => String(headers['idempotency-key'])

process.on('disconnect', () => process.exit(0))

const [, , port, socket = ''] = process.argv
const ledger = createPostgresLedger(socket)
const app = Fastify()

app.post<{ Params: { client_id: string } }>('/v1/customers/:client_id/credits', async (request, reply) => {
  const { client_id } = request.params
  const { amount } = request.body as Credit
  const balance = await ledger.post({ id: keyOf(request), client_id, amount })
  reply.status(201)
  return { transaction_id: keyOf(request), client_id, balance: Number(balance) }
})

app.post('/v1/transfers', async (request, reply) => {
  const { from, to, amount } = request.body as Transfer
  const [from_balance, to_balance] = await ledger.transfer(keyOf(request), from, to, amount)
  reply.status(201)
  return {
    transaction_id: keyOf(request),
    from: { client_id: from, balance: Number(from_balance) },
    to: { client_id: to, balance: Number(to_balance) },
  }
})

app.post('/v1/batches', async request => {
  const { commands } = request.body as Batch
  const key = keyOf(request)
  const entries = commands.map(({ client_id, amount }, i) => ({ id: `${key}:${i}`, client_id, amount }))
  const balances = await ledger.postAll(entries)
  return { results: balances.map(balance => ({ balance: Number(balance) })) }
})

await app.listen({ host: LOOPBACK, port: Number(port) })
const ready: ClientMessage = { tag: 'ready' }
process.send?.(ready)
