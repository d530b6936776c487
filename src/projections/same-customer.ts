/**
 * Comparing what two readings say of a customer.
 */

import type { Customer } from '../ledger/fold.js'

/** The last event that a customer's head speaks of. */
export const positionOf = ({ account, parked }: Customer): number => parked?.last_seq ?? account.seq

/** Whether both are the same account, waiting at the same event if they wait. */
export const isSameCustomer = (a: Customer, b: Customer): boolean =>
  a.account.seq === b.account.seq &&
  a.account.version === b.account.version &&
  a.account.balance === b.account.balance &&
  a.parked?.seq === b.parked?.seq &&
  a.parked?.last_seq === b.parked?.last_seq
