/**
 * What a projection is: a name, the shape of its table, and what an event makes there besides the customer's head.
 *
 * Everything else (order, exactness, redelivery, parking, generations) is the runner's, the same for all of them.
 */

import type { Account } from '../ledger/account.js'
import type { ClientId } from '../ledger/client-id.js'
import type { LedgerEvent } from '../ledger/event.js'
import type { Recorded } from '../stream/recorded.js'
import type { ProjectionName } from '../tables/definition.js'
import type { HeadShape } from '../tables/heads.js'
import type { Insert } from '../tables/transact.js'

/** An event that counts, with the account before and after it. */
export type Applied = {
  readonly id: ClientId
  readonly record: Recorded
  readonly event: LedgerEvent
  readonly from: Account
  readonly to: Account
}

/** Numbers by name, to be added to an item's. */
export type Numbers = Readonly<Record<string, bigint>>

/** What an event makes in the table besides moving its customer's head; written in the same transaction. */
export type Rows = {
  readonly inserts?: readonly Insert[]
  /** Each sum is kept in several items, `<key>:<lane>`, so that writers do not stand in each other's way. */
  readonly additions?: readonly (readonly [key: string, numbers: Numbers])[]
}

export type Projection = {
  /** Also its durable consumer's name. */
  readonly name: ProjectionName
  readonly head: HeadShape
  /** Rows for an event that counts; a projection without them is its heads alone. Pure. */
  readonly fold?: (applied: Applied) => Rows
  /**
   * Whether it keeps sums over all customers. They cannot be checked one by one: once an item was put back by hand, the
   * whole table is folded again.
   */
  readonly has_sums?: true
  /** One projection keeps the dead letters for all, and tells of events that claim another result than the fold's. */
  readonly keeps_letters: boolean
  /** How long to gather events between two runs, where a little lag saves many writes. None unless stated. */
  readonly linger_ms?: number
}
