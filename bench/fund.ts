/**
 * Gives the customers money before anything is measured: events published directly, folded into the tables, so that
 * the service finds what it would find in production.
 */

import { jetstreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from 'nats'
import { waitCaughtUp } from '../src/projections/caught-up.js'
import { BATCH_MESSAGES_MAX } from '../src/stream/publish.js'
import { LEDGER_STREAM } from '../src/stream/settings.js'
import { NO_RESPONDERS } from './measure/job.js'
import { type ServiceOptions, startService, untilReady } from './processes/service.js'
import { CUSTOMERS, customer, FUNDS, HOT_CUSTOMER } from './work/customers.js'
import { publishOne } from './work/events.js'
import { request } from './work/request.js'

const FOLD_MS_MAX = 300_000
const FIRST_COMMANDS_IN_FLIGHT = 500

const everybody = (): string[] => [
  HOT_CUSTOMER,
  ...Array.from({ length: CUSTOMERS }, (_, index) => customer(index)),
]

const publishFunds = async (
  nc: NatsConnection,
  ids: readonly string[],
  signal: AbortSignal,
): Promise<void> => {
  const body = JSON.stringify({ type: 'credit', amount: FUNDS, reference: 'benchmark' })
  for (let from = 0; from < ids.length; from += BATCH_MESSAGES_MAX) {
    const messages = ids
      .slice(from, from + BATCH_MESSAGES_MAX)
      .map(id => ({ subject: `customer.balance.${id}`, body }))
    await publishOne(nc, messages, signal)
  }
}

/** Needs a stream, which the projector provisions; ends it again, so that it uses no CPU while we measure. */
export const fund = async (
  service: Omit<ServiceOptions, 'roles'>,
  signal: AbortSignal,
  ids: readonly string[] = everybody(),
): Promise<void> => {
  const { nc } = service
  const jsm = await jetstreamManager(nc)
  const hasStream = (): Promise<boolean> =>
    jsm.streams.info(LEDGER_STREAM).then(
      () => true,
      () => false,
    )
  // nothing is measured that reads another one
  const env = { JETLEDGER_PROJECTIONS: 'balances' }
  const projector = startService({ ...service, roles: 'projections', env })
  try {
    await untilReady(projector, hasStream, signal)
    await publishFunds(nc, ids, signal)
    const missing = await waitCaughtUp({ nc, jsm }, 'balances', FOLD_MS_MAX, signal, () => {})
    signal.throwIfAborted()
    if (missing > 0) throw new Error(`${missing} events were not folded within ${FOLD_MS_MAX} ms`)
  } finally {
    await projector.stop()
  }
}

/**
 * One command for every customer: the first one has to be loaded, which would else be measured in some lines and not in
 * others. Gives what it took, or undefined when there is no command side.
 */
export const firstCommands = async (nc: NatsConnection, signal: AbortSignal): Promise<number | undefined> => {
  const ids = everybody()
  const began_ms = performance.now()
  let unanswered = false
  const worker = async (): Promise<void> => {
    for (let id = ids.pop(); id !== undefined && !unanswered; id = ids.pop()) {
      signal.throwIfAborted()
      const { errors } = await request(nc, 'customer.credit', JSON.stringify({ client_id: id, amount: 1 }))
      if (errors?.[NO_RESPONDERS] !== undefined) unanswered = true
    }
  }
  await Promise.all(Array.from({ length: FIRST_COMMANDS_IN_FLIGHT }, worker))
  return unanswered ? undefined : performance.now() - began_ms
}
