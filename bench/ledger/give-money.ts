/**
 * Gives every customer money by commands of the program under measurement. So all accounts are in its memory before the
 * measurement, as they are in a process that has run for a while.
 */

import { setTimeout as pause } from 'node:timers/promises'
import type { NatsConnection } from 'nats'
import { request } from '../work/client-request.js'
import { BULK_COMMANDS, countResults } from '../work/commands.js'
import { customer, FUNDS, HOT_CUSTOMER } from '../work/customers.js'

/** A ledger whose projections are behind answers `BUSY` for a while. */
const TRIES_MAX = 600
const PAUSE_MS = 100

/** Sends one batch that is stored whole or not at all, and again while it is refused. */
const sendBatch = async (nc: NatsConnection, ids: readonly string[], signal: AbortSignal): Promise<void> => {
  const commands = ids.map(client_id => ({ type: 'credit', client_id, amount: FUNDS }))
  const body = JSON.stringify({ mode: 'all', commands })
  for (let tries = 1; ; tries += 1) {
    signal.throwIfAborted()
    const { accepted, errors } = await request(nc, 'customer.batch', body, reply =>
      countResults(reply.string()),
    )
    if (accepted === ids.length) return
    const codes = Object.keys(errors ?? {}).join(', ')
    // after an unknown outcome the money might come twice
    if (accepted > 0 || tries === TRIES_MAX || codes.includes('TIMEOUT') || codes.includes('UNKNOWN'))
      throw new Error(`the customers could not be given money: ${codes}`)
    await pause(PAUSE_MS)
  }
}

export const giveMoney = async (
  nc: NatsConnection,
  customers: number,
  signal: AbortSignal,
): Promise<void> => {
  const ids = [HOT_CUSTOMER, ...Array.from({ length: customers }, (_, index) => customer(index))]
  for (let at = 0; at < ids.length; at += BULK_COMMANDS)
    await sendBatch(nc, ids.slice(at, at + BULK_COMMANDS), signal)
}
