/**
 * The totals: the number of customers, the sum of their balances, what is held, the number of restricted customers, and
 * their credits, debits and refusals, in all and per UTC day.
 *
 * They are exact under redelivery because a sum changes in the same transaction as the head of the customer whose
 * event it counts: both are written or neither is.
 */

import type { Account } from '../../ledger/account.js'
import { assetOf } from '../../ledger/account-id.js'
import type { LedgerEvent } from '../../ledger/event.js'
import { allKey, dayKey } from '../../tables/totals.js'
import type { Addition, Applied, Numbers } from '../projection.js'

const DAY_MS = 86_400_000

const heldOf = ({ rules }: Account): bigint => rules?.held ?? 0n
const restrictedOf = ({ rules }: Account): bigint => (rules?.restriction === undefined ? 0n : 1n)

const movedBy = (event: LedgerEvent): Record<string, bigint> => {
  switch (event.type) {
    case 'credit':
      return { credits: 1n, credited: event.amount }
    case 'debit':
      return { debits: 1n, debited: event.amount }
    case 'declined':
      return { declined: 1n }
    default:
      return {}
  }
}

const numbersOf = ({ event, from, to }: Applied): Numbers => {
  const numbers = movedBy(event)
  if (event.type === 'credit' || event.type === 'debit') numbers.balance = to.balance - from.balance
  if (from.rules !== undefined || to.rules !== undefined) {
    const held = heldOf(to) - heldOf(from)
    const restricted = restrictedOf(to) - restrictedOf(from)
    if (held !== 0n) numbers.held = held
    if (restricted !== 0n) numbers.restricted = restricted
  }
  if (from.version === 0 && to.version > 0) numbers.customers = 1n
  return numbers
}

/** The text of the day that was asked for last: most events are of the day of the one before. */
const lastDay = { number: Number.NaN, text: '' }

const dayOf = (at: Date): string => {
  const number = Math.floor(at.getTime() / DAY_MS)
  if (number !== lastDay.number) {
    lastDay.number = number
    lastDay.text = at.toISOString().slice(0, 10)
  }
  return lastDay.text
}

/** What an event that counts adds to the sums. */
export const additionsOf = (applied: Applied): readonly Addition[] => {
  const numbers = numbersOf(applied)
  const asset = assetOf(applied.id)
  return [
    [allKey(asset), numbers],
    [dayKey(dayOf(applied.record.at), asset), numbers],
  ]
}
