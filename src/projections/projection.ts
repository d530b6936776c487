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

export type Projection = {
  /** The name is also that of its durable consumer. */
  readonly name: ProjectionName
  /** Makes the row of an event that counts. Pure. It is written in the same transaction as the account's head. */
  readonly rowOf: (applied: Applied) => Insert
  /** Makes what an event that counts adds to the sums, in that transaction too. Pure. */
  readonly additionsOf: (applied: Applied) => readonly Addition[]
  /** Whether the event between two accounts has a row. Every one has, unless stated. */
  readonly hasRow?: (from: Account, to: Account) => boolean
  /** The time to gather events between two runs: a little lag saves many writes. None unless stated. */
  readonly linger_ms?: number
}
