/**
 * Compares what the clients were told with what is stored: a benchmark that loses or doubles a command measures nothing.
 */

import type { NatsConnection } from 'nats'
import { readPages } from '../../src/stream/read.js'
import { LEDGER_STREAM, LEDGER_SUBJECTS } from '../../src/stream/settings.js'
import type { Result } from '../measure/job.js'
import { BALANCE_PREFIX, FUNDS } from '../work/customers.js'

/** What was stored during a line. */
export type Stored = {
  /** Entries that changed a balance: events of the stream, or rows of the journal. */
  readonly entries: number
  /** The sum of their amounts, with those of debits below zero. */
  readonly amount: bigint
  /** The sum of all balances, less the money that the customers had before. */
  readonly balance: bigint
}

/** Outcomes after which a command may be stored or not. */
const UNKNOWN: ReadonlySet<string> = new Set([
  'TIMEOUT',
  'OUTCOME_UNKNOWN',
  'HTTP_CLOSED',
  'ECONNRESET',
  'EPIPE',
])

/**
 * The mistakes in the books, as sentences; none when they are right. `per_request` is the number of entries that one
 * request without a known outcome may have made, `per_command` the number that one accepted command makes.
 */
export const bookMistakes = (
  { accepted, errors }: Required<Result>,
  { entries, amount, balance }: Stored,
  per_command: number,
  per_request: number,
): string[] => {
  const unknown = Object.entries(errors).reduce((sum, [code, n]) => sum + (UNKNOWN.has(code) ? n : 0), 0)
  const least = accepted * per_command
  const most = least + unknown * per_request
  return [
    ...(entries < least ? [`${least} entries were acknowledged, and ${entries} are stored`] : []),
    ...(entries > most ? [`at most ${most} entries were ordered, and ${entries} are stored`] : []),
    ...(amount === balance ? [] : [`the amounts add up to ${amount}, the balances to ${balance}`]),
  ]
}

type Event = {
  readonly type: string
  readonly amount: number
  readonly after: { readonly balance: number }
}

/** Reads the events after `from_seq` and adds them up; `after` of a customer's last event is the customer's balance. */
export const readStored = async (nc: NatsConnection, from_seq: number, to_seq: number): Promise<Stored> => {
  const balances = new Map<string, number>()
  let entries = 0
  let amount = 0n
  const all = { stream: LEDGER_STREAM, subject: LEDGER_SUBJECTS, from_seq: from_seq + 1, to_seq }
  if (to_seq > from_seq)
    for await (const page of readPages(nc, all))
      for (const { subject, body } of page) {
        const event = JSON.parse(Buffer.from(body).toString()) as Event
        if (event.type === 'declined') continue
        entries += 1
        amount += BigInt(event.type === 'credit' ? event.amount : -event.amount)
        balances.set(subject.slice(BALANCE_PREFIX.length), event.after.balance)
      }
  let balance = 0n
  for (const one of balances.values()) balance += BigInt(one - FUNDS)
  return { entries, amount, balance }
}
