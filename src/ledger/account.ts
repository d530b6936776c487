/**
 * The account, and `apply`: the one function that defines what an event does to a balance.
 *
 * Commands decide with it, projections fold with it, replay rebuilds with it. It is pure and total, so the same stream
 * gives the same balances everywhere, no matter which program published the events (docs/adr/0002).
 */

import { E, type Either } from '../fp.js'
import { INT64_MAX } from './amount.js'
import type { LedgerEvent } from './event.js'

/** No balance ever falls below its floor. */
const FLOOR = 0n

/**
 * A customer's balance after `version` credits and debits. `seq` is the stream sequence of the last event that counts,
 * refusals included (0: none yet).
 */
export type Account = {
  readonly balance: bigint
  readonly version: number
  readonly seq: number
}

export const OPENING: Account = { balance: FLOOR, version: 0, seq: 0 }

export type Rejection = {
  readonly code: 'INSUFFICIENT_FUNDS' | 'BALANCE_LIMIT'
  readonly balance: bigint
  readonly amount: bigint
}

/** The account after `event` at stream sequence `seq`; left is the reason why the event is refused and changes nothing. */
export const apply = (account: Account, event: LedgerEvent, seq: number): Either<Rejection, Account> => {
  const { balance, version } = account
  const { amount } = event
  switch (event.type) {
    case 'credit':
      return amount > INT64_MAX - balance
        ? E.left({ code: 'BALANCE_LIMIT', balance, amount })
        : E.right({ balance: balance + amount, version: version + 1, seq })
    case 'debit':
      return balance - amount < FLOOR
        ? E.left({ code: 'INSUFFICIENT_FUNDS', balance, amount })
        : E.right({ balance: balance - amount, version: version + 1, seq })
    case 'declined':
      return E.right({ balance, version, seq })
  }
}
