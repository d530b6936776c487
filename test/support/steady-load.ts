/** Publishes a steady load directly, in atomic batches: credits, debits, overdrafts, transfers and malformed events. */

import { setTimeout as pause } from 'node:timers/promises'
import type { NatsConnection } from 'nats'
import { publishBatch } from '../../src/stream/publish.js'
import { right } from './ledger.js'

export type SteadyLoad = {
  /** The number of events that the stream's server has acknowledged. */
  readonly published: () => number
  /** Stops publishing, waits for the batch in flight, and returns the number of events. Throws the error of a failed publish. */
  readonly stop: () => Promise<number>
}

export type SteadyLoadOptions = {
  readonly events_per_s: number
  readonly customers: number
  /** Part of every transaction id: different for every load of a test. */
  readonly name: string
}

const TICK_MS = 20
const ACK_MS_MAX = 10_000
/** The kinds of steps repeat after a hundred: credits, debits, transfers, overdrafts, a declined and a malformed event. */
const KINDS = 100

/** So large that no transfer is ever refused: with one refused half, the stream itself would be contradictory. */
const FUNDS = 1_000_000

type Message = { readonly subject: string; readonly body: string }

const message = (id: string, event: unknown): Message => ({
  subject: `customer.balance.${id}`,
  body: typeof event === 'string' ? event : JSON.stringify(event),
})

/** The `n`th step of a load: one event, or the two of a transfer. */
const step = (n: number, { customers, name }: SteadyLoadOptions): Message[] => {
  const id = `steady-${(n * 7) % customers}`
  const other = `steady-${(n * 7 + 1) % customers}`
  const transaction_id = `${name}:${n}`
  const kind = n % KINDS
  if (kind < 50) return [message(id, { type: 'credit', amount: 5 + (n % 7), transaction_id })]
  if (kind < 80) return [message(id, { type: 'debit', amount: 1 + (n % 5) })]
  if (kind < 96) {
    const transfer = (type: string, counterparty: string, transaction: string) => ({
      type,
      amount: 2,
      transaction_id: transaction,
      transfer: { counterparty },
    })
    return [
      message(id, transfer('debit', other, transaction_id)),
      message(other, transfer('credit', id, `${transaction_id}:credit`)),
    ]
  }
  if (kind < 98) return [message(id, { type: 'debit', amount: 2 * FUNDS })]
  if (kind < 99) return [message(id, { type: 'declined', amount: 7, transaction_id })]
  return [message(id, '{"type":"credit"')]
}

/** Starts the load, with the same events in the same order in every run. */
export const startSteadyLoad = (nc: NatsConnection, options: SteadyLoadOptions): SteadyLoad => {
  const began_ms = performance.now()
  const ending = new AbortController()
  let published = 0
  let n = 0

  const due = (): number =>
    Math.floor(((performance.now() - began_ms) / 1_000) * options.events_per_s) - published

  const fund = async (): Promise<void> => {
    const funds = Array.from({ length: options.customers }, (_, i) =>
      message(`steady-${i}`, { type: 'credit', amount: FUNDS }),
    )
    await right(publishBatch(nc, funds, ACK_MS_MAX))
  }

  const publish = async (): Promise<void> => {
    await fund()
    while (!ending.signal.aborted) {
      const messages: Message[] = []
      for (const most = Math.min(due(), 900); messages.length < most; n += 1)
        messages.push(...step(n, options))
      if (messages.length > 0) await right(publishBatch(nc, messages, ACK_MS_MAX))
      published += messages.length
      await pause(TICK_MS, undefined, { signal: ending.signal }).catch(() => undefined)
    }
  }
  const publishing = publish()
  // `stop` throws this error; until then it must not count as unhandled
  publishing.catch(() => undefined)

  return {
    published: () => published,
    stop: async () => {
      ending.abort()
      await publishing
      return published
    },
  }
}
