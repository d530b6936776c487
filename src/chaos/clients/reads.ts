/** Chooses the clients' reads: balances of every kind, pages of history, and the outcome of their own transactions. */

import { namesOf } from './account.js'
import type { CallRequest } from './ask.js'
import type { Customers } from './customers.js'
import type { Memory } from './memory.js'
import type { Random } from './random.js'

/** The smallest age of a time in an `as_of` question: an answer about "now" could still change. */
const PAST_MS_MIN = 3_000
const PAST_MS_MAX = 20_000
const ENTRIES_MAX = 20
const CUSTOMERS_MAX = 50

const balance = (kind: CallRequest['kind'], fields: object): CallRequest => ({
  kind,
  subject: 'customer.balance',
  body: JSON.stringify(fields),
})

/** The next question of one client; `wall_ms` is the current wall-clock time. */
export const nextRead = (
  random: Random,
  customers: Customers,
  { stateOf, ids }: Pick<Memory, 'stateOf' | 'ids'>,
  wall_ms: number,
): CallRequest => {
  const account = customers.pick(random)
  const [names, state] = [namesOf(account), stateOf(account)]
  const choice = random.next()
  if (choice < 0.25) return balance('strong', { ...names, consistency: 'strong' })
  if (choice < 0.4 && state !== undefined)
    return balance('min_version', { ...names, min_version: state.version })
  if (choice < 0.45 && state !== undefined) return balance('as_of', { ...names, as_of_seq: state.seq })
  if (choice < 0.5) {
    const as_of = new Date(wall_ms - random.whole(PAST_MS_MIN, PAST_MS_MAX)).toISOString()
    return balance('as_of', { ...names, as_of })
  }
  if (choice < 0.58) {
    const body = JSON.stringify({ ...names, limit: random.whole(1, ENTRIES_MAX) })
    return { kind: 'statement', subject: 'customer.statement', body }
  }
  if (choice < 0.62) {
    const subject = random.pick(['customer.list', 'customer.ranking'])
    const { client_id: _, ...asset } = names
    return {
      kind: 'list',
      subject,
      body: JSON.stringify({ ...asset, limit: random.whole(1, CUSTOMERS_MAX) }),
    }
  }
  if (choice < 0.72 && ids.all().length > 0) {
    const body = JSON.stringify({ transaction_id: random.pick(ids.all()) })
    return { kind: 'transaction', subject: 'customer.transaction', body }
  }
  return balance('balance', names)
}
