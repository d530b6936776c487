/**
 * Defines a projection: its name, the shape of its table, and the rows and sums that an event makes besides the
 * customer's head.
 *
 * The runner does everything else (order, exactness, redelivery, parking, generations) in the same way for all
 * projections.
 */

import type { Account } from '../ledger/account.js'
import type { AccountId } from '../ledger/account-id.js'
import type { LedgerEvent } from '../ledger/event.js'
import type { Recorded } from '../stream/recorded.js'
import type { ProjectionName } from '../tables/definition.js'
import type { HeadShape } from '../tables/heads.js'
import type { Insert } from '../tables/transact.js'

/** An event that counts, with the account before and after it. */
export type Applied = {
  readonly id: AccountId
  readonly record: Recorded
  readonly event: LedgerEvent
  readonly from: Account
  readonly to: Account
}

/** Numbers by attribute name, which are added to an item's attributes. */
export type Numbers = Readonly<Record<string, bigint>>

/** The rows and sums that an event makes; they are written in the same transaction as its customer's head. */
export type Rows = {
  readonly inserts?: readonly Insert[]
  /** Each sum is kept in several items, `<key>:<lane>`, so that parallel writes do not collide. */
  readonly additions?: readonly (readonly [key: string, numbers: Numbers])[]
}

export type Projection = {
  /** The name is also that of its durable consumer. */
  readonly name: ProjectionName
  readonly head: HeadShape
  /** Makes the rows and sums of an event that counts; absent in a projection that keeps only heads. Pure. */
  readonly fold?: (applied: Applied) => Rows
  /**
   * Whether the projection keeps sums over all customers. Sums cannot be corrected one by one, so the whole table is
   * folded again when an item was put back by hand.
   */
  readonly has_sums?: true
  /**
   * Whether this projection keeps the dead letters, and reports events that claim another result than the fold gives.
   * One projection does so for all.
   */
  readonly keeps_letters: boolean
  /** The time to gather events between two runs: a little lag saves many writes. None unless stated. */
  readonly linger_ms?: number
}
