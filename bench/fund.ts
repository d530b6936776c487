/**
 * Gives the customers money before the measurements: publishes events directly and waits until they are folded into the
 * table, so that the service finds the same data as in production.
 */

import { jetstreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from 'nats'
import { waitCaughtUp } from '../src/projections/caught-up.js'
import { BATCH_MESSAGES_MAX } from '../src/stream/publish.js'
import { LEDGER_STREAM } from '../src/stream/settings.js'
import { NO_RESPONDERS } from './measure/job.js'
import { type ServiceOptions, startService, untilReady } from './processes/service.js'
import { request } from './work/client-request.js'
import { CUSTOMERS, customer, FUNDS, HOT_CUSTOMER } from './work/customers.js'
import { publishOne } from './work/events.js'

const FOLD_MS_MAX = 300_000
const FIRST_COMMANDS_IN_FLIGHT = 500

const allCustomers = (): string[] => [
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

/** Starts a projector, which creates the stream, gives the customers money, and stops the projector to free its CPU. */
export const fund = async (
  service: Omit<ServiceOptions, 'roles'>,
  signal: AbortSignal,
  ids: readonly string[] = allCustomers(),
): Promise<void> => {
  const { nc } = service
  const jsm = await jetstreamManager(nc)
  const hasStream = (): Promise<boolean> =>
    jsm.streams.info(LEDGER_STREAM).then(
      () => true,
      () => false,
    )
  const projector = startService({ ...service, roles: 'projections' })
  try {
    await untilReady(projector, hasStream, signal)
    await publishFunds(nc, ids, signal)
    const missing = await waitCaughtUp({ nc, jsm }, 'ledger', FOLD_MS_MAX, signal, () => {})
    signal.throwIfAborted()
    if (missing > 0) throw new Error(`${missing} events were not folded within ${FOLD_MS_MAX} ms`)
  } finally {
    await projector.stop()
  }
}

/**
 * Sends one command for every customer. The first command of a customer loads the account, and otherwise only some lines
 * would include that time. Returns the time in ms, or undefined when there is no command side.
 */
export const firstCommands = async (nc: NatsConnection, signal: AbortSignal): Promise<number | undefined> => {
  const ids = allCustomers()
  const began_ms = performance.now()
  let is_unanswered = false
  const worker = async (): Promise<void> => {
    for (let id = ids.pop(); id !== undefined && !is_unanswered; id = ids.pop()) {
      signal.throwIfAborted()
      const { errors } = await request(nc, 'customer.credit', JSON.stringify({ client_id: id, amount: 1 }))
      if (errors?.[NO_RESPONDERS] !== undefined) is_unanswered = true
    }
  }
  await Promise.all(Array.from({ length: FIRST_COMMANDS_IN_FLIGHT }, worker))
  return is_unanswered ? undefined : performance.now() - began_ms
}
