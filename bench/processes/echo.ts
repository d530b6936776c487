/** Runs a bare echo responder: the upper limit for any service that answers NATS requests. */

import { connect } from 'nats'
import type { ClientMessage } from '../measure/job.js'
import { ECHO_SUBJECT } from '../work/raw.js'

/** A text as long as the reply to a credit. */
const REPLY = JSON.stringify({
  transaction_id: '00000000-0000-7000-8000-000000000000',
  client_id: 'bench-0000',
  balance: 1_000_000_000_000,
  version: 1_000,
  seq: 1_000_000,
})

process.on('disconnect', () => process.exit(0))

const nc = await connect({
  servers: process.argv[2]?.split(',') ?? [],
  name: 'jetledger-bench-echo',
  reconnect: false,
})
const reply = new TextEncoder().encode(REPLY)
nc.subscribe(ECHO_SUBJECT, {
  callback: (_error, message) => {
    message.respond(reply)
  },
})
await nc.flush()
const ready: ClientMessage = { tag: 'ready' }
process.send?.(ready)
