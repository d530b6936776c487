/**
 * Items of the balances table, while it can be read. After a failure nobody waits for its time-outs for a second: the
 * stream is asked instead, and one request a second tries the table again.
 */

import type { Logger } from 'pino'
import { E } from '../fp.js'
import type { ClientId } from '../ledger/client-id.js'
import type { Customer } from '../ledger/fold.js'
import type { ReadCustomer } from './batcher.js'
import type { ActiveOf } from './deps.js'
import type { Progress } from './progress.js'

/** A customer's item, with every event of it up to `complete_to` at the least. */
export type Item = { readonly customer: Customer; readonly complete_to: number }

export type TableReads = {
  /** Undefined while the table cannot be read. */
  readonly read: (id: ClientId) => Promise<Item | undefined>
}

const AWAY_MS = 1_000

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
        const is_news = performance.now() >= away_until_ms
        away_until_ms = performance.now() + AWAY_MS
        if (is_news) log.warn({ reason: found.left.message }, 'DynamoDB cannot be read: the stream answers')
        return undefined
      }
      const { customer, table } = found.right
      const same = E.isRight(before) && before.right.table === table
      return { customer, complete_to: same ? complete_to : 0 }
    },
  }
}
