/** Runs bare fastify routes that answer at once, as long as the gateway does: the upper limit for HTTP in this program. */

import Fastify from 'fastify'
import type { ClientMessage } from '../measure/job.js'

const LOOPBACK = '127.0.0.1'
const BALANCE = { client_id: 'bench-0000', balance: 1_000_000_000_000, version: 1_000, seq: 1_000_000 }
const MOVEMENT = { transaction_id: '00000000-0000-7000-8000-000000000000', ...BALANCE }

process.on('disconnect', () => process.exit(0))

const app = Fastify()
app.get('/v1/customers/:client_id/balance', async () => BALANCE)
app.post('/v1/customers/:client_id/credits', async (_request, reply) => {
  reply.status(201)
  return MOVEMENT
})
await app.listen({ host: LOOPBACK, port: Number(process.argv[2]) })
const ready: ClientMessage = { tag: 'ready' }
process.send?.(ready)
