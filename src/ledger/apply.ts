/**
 * `apply`: the one function that defines what an event does to an account.
 *
 * Commands decide with it, projections fold with it, replay rebuilds with it. It is pure and total, so the same stream
 * gives the same balances everywhere, no matter which program published the events (docs/adr/0002, 0051).
 */

import { E, type Either } from '../fp.js'
import type { Account, EventPlace, Rejection } from './account.js'
import { INT64_MAX } from './amount.js'
import { applyRules } from './apply-rules.js'
import type { LedgerEvent } from './event-body.js'

/** No balance of a plain account ever falls below its floor. */
const FLOOR = 0n

/** The account after `event`; left is the reason why the event is refused and changes nothing. */
export const apply = (
  account: Account,
  event: LedgerEvent,
  stored: EventPlace,
): Either<Rejection, Account> => {
  const { balance, version, rules } = account
  if (rules !== undefined) return applyRules(account, event, stored)
  const { seq } = stored
  switch (event.type) {
    case 'credit': {
      const { amount } = event
      return amount > INT64_MAX - balance
        ? E.left({ code: 'BALANCE_LIMIT', balance, amount })
        : E.right({ balance: balance + amount, version: version + 1, seq })
    }
    case 'debit': {
      const { amount, hold } = event
      if (hold !== undefined) return applyRules(account, event, stored)
      return balance - amount < FLOOR
        ? E.left({ code: 'INSUFFICIENT_FUNDS', balance, amount })
        : E.right({ balance: balance - amount, version: version + 1, seq })
    }
    case 'declined':
      return E.right({ balance, version, seq })
    default:
      return applyRules(account, event, stored)
  }
}
