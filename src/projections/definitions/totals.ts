/**
 * The totals: the number of customers, the sum of their balances, and their credits, debits and refusals, in all and
 * per UTC day.
 *
 * They are exact under redelivery because a sum changes in the same transaction as the head of the customer whose
 * event it counts: both are written or neither is.
 */

import type { Applied, Numbers, Projection, Rows } from '../projection.js'

const numbersOf = ({ event, from, to }: Applied): Numbers => {
  const { type, amount } = event
  if (type === 'declined') return { declined: 1n }
  const moved = type === 'credit' ? { credits: 1n, credited: amount } : { debits: 1n, debited: amount }
  return { ...moved, balance: to.balance - from.balance, ...(from.version === 0 ? { customers: 1n } : {}) }
}

const fold = (applied: Applied): Rows => {
  const numbers = numbersOf(applied)
  const day = applied.record.at.toISOString().slice(0, 10)
  return {
    additions: [
      ['all', numbers],
      [`day:${day}`, numbers],
    ],
  }
}

export const totals: Projection = {
  name: 'totals',
  head: { prefix: 'account:', balance: 'balance' },
  fold,
  has_sums: true,
  keeps_letters: false,
  linger_ms: 200,
}
