/**
 * Compares two readings of a customer, for example the head in a table and the fold of the stream.
 */

import { isSameAccount } from '../ledger/account.js'
import type { Customer } from '../ledger/fold.js'

/** The sequence of the last event that a customer's head covers. */
export const positionOf = ({ account, parked }: Customer): number => parked?.last_seq ?? account.seq

/** Whether both have the same account and, if parked, wait at the same event. */
export const isSameCustomer = (a: Customer, b: Customer): boolean =>
  isSameAccount(a.account, b.account) &&
  a.parked?.seq === b.parked?.seq &&
  a.parked?.last_seq === b.parked?.last_seq
