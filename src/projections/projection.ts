/**
 * Defines a projection: its name, and the rows and sums that an event makes besides the account's head.
 *
 * The runner does everything else: order, exactness, redelivery, parking, generations.
 */

import type { Account } from '../ledger/account.js'
import type { AccountId } from '../ledger/account-id.js'
import type { LedgerEvent } from '../ledger/event.js'
import type { Recorded } from '../stream/recorded.js'
import type { ProjectionName } from '../tables/definition.js'
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

/** Numbers to add to a sum. Each sum is kept in several items, `<key>:<lane>`, so that parallel writes do not collide. */
export type Addition = readonly [key: string, numbers: Numbers]

/** The rows and sums that an event makes; they are written in the same transaction as its account's head. */
export type Rows = {
  readonly inserts: readonly Insert[]
  readonly additions: readonly Addition[]
}

export type Projection = {
  /** The name is also that of its durable consumer. */
  readonly name: ProjectionName
  /** Makes the rows and sums of an event that counts. Pure. */
  readonly fold: (applied: Applied) => Rows
  /** The time to gather events between two runs: a little lag saves many writes. None unless stated. */
  readonly linger_ms?: number
}
