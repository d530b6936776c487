/**
 * Items of the balances table, while it can be read. After a failure nobody waits for its time-outs for a second: the
 * stream is asked instead, and one request a second tries the table again.
 */

import type { Logger } from 'pino'
import { E } from '../fp.js'
import type { ClientId } from '../ledger/client-id.js'
import type { Customer } from '../ledger/fold.js'
import { isNew } from '../tables/heads.js'
import type { Item as Read, ReadCustomer } from './batcher.js'
import type { ActiveOf } from './deps.js'
import type { Progress } from './progress.js'

/** A customer's item, with every event of it up to `complete_to` at the least. */
export type Item = { readonly customer: Customer; readonly complete_to: number }

export type TableReads = {
  /** Undefined while the table cannot be read. */
  readonly read: (id: ClientId) => Promise<Item | undefined>
}

const AWAY_MS = 1_000

/** What an item that was read proves, when the projection had acknowledged everything up to `complete_to` before. */
const itemOf = ({ customer, newest_seq }: Read, complete_to: number): Item | undefined => {
  // what was acknowledged is in the table, unless somebody has put an older state of it back since
  if (newest_seq < complete_to) return undefined
  // an item that is missing proves nothing: somebody may have removed it
  return { customer, complete_to: isNew(customer) ? 0 : complete_to }
}

export const createTableReads = (
  batch: ReadCustomer,
  active: ActiveOf,
  progress: Pick<Progress, 'floor'>,
  log: Logger,
): TableReads => {
  let away_until_ms = Number.NEGATIVE_INFINITY
  return {
    read: async id => {
      if (performance.now() < away_until_ms) return undefined
      const before = await active()
      // asked before the item is read: what was acknowledged by then is in the item
      const complete_to = E.isRight(before) ? progress.floor(before.right) : 0
      const found = await batch(id)()
      if (E.isLeft(found)) {
        // whether a table may be believed is known at once: only one that does not answer is left alone
        if (found.left.tag === 'NotOurs') return undefined
        const is_news = performance.now() >= away_until_ms
        away_until_ms = performance.now() + AWAY_MS
        if (is_news) log.warn({ reason: found.left.message }, 'DynamoDB cannot be read: the stream answers')
        return undefined
      }
      const same = E.isRight(before) && before.right.table === found.right.table
      return itemOf(found.right, same ? complete_to : 0)
    },
  }
}
