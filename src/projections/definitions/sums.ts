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

const heldOf = ({ rules }: Account): bigint => rules?.held ?? 0n
const restrictedOf = ({ rules }: Account): bigint => (rules?.restriction === undefined ? 0n : 1n)

const movedBy = (event: LedgerEvent): Numbers => {
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
  const held = heldOf(to) - heldOf(from)
  const restricted = restrictedOf(to) - restrictedOf(from)
  return {
    ...movedBy(event),
    ...(event.type === 'credit' || event.type === 'debit' ? { balance: to.balance - from.balance } : {}),
    ...(held === 0n ? {} : { held }),
    ...(restricted === 0n ? {} : { restricted }),
    ...(from.version === 0 && to.version > 0 ? { customers: 1n } : {}),
  }
}

/** What an event that counts adds to the sums. */
export const additionsOf = (applied: Applied): readonly Addition[] => {
  const numbers = numbersOf(applied)
  const asset = assetOf(applied.id)
  const day = applied.record.at.toISOString().slice(0, 10)
  return [
    [allKey(asset), numbers],
    [dayKey(day, asset), numbers],
  ]
}
