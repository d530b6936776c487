/**
 * Items of the balances table, while it can be read. After a failure nobody waits for its time-outs for a second: the
 * stream is asked instead, and one request a second tries the table again.
 *
 * An item is compared with the newest event of its customer: somebody may have put an older state of it back, deleted
 * it, or changed it, in a table that is the right one otherwise (docs/adr/0026).
 */

import type { Logger } from 'pino'
import { E } from '../../fp.js'
import type { ClientId } from '../../ledger/client-id.js'
import type { Customer } from '../../ledger/fold.js'
import { isSame, leftBy, type Prover } from '../../stream/proof.js'
import { isNew } from '../../tables/heads.js'
import type { ActiveOf } from '../deps.js'
import type { SameStream } from '../same-stream.js'
import type { BatchError, Newest, Item as Read, ReadCustomer } from './batcher.js'
import { spokenOf } from './hot-set.js'
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

/** `newest`: the subject holds nothing after it, as far as is known. `older`: it does. `doubtful`: they contradict. */
type Opinion = 'newest' | 'older' | 'doubtful'

/** What the newest event of a customer's subject says of its item. */
const opinionOf = ({ customer, complete_to }: Item, { is_known, last }: Newest): Opinion => {
  const spoken_seq = spokenOf(customer)
  if (!is_known) return 'newest'
  if (last !== undefined && last.seq > spoken_seq) return 'older'
  // an item that was written a moment ago may be newer than what a replica knows
  if ((last?.seq ?? 0) < spoken_seq) return spoken_seq <= complete_to ? 'doubtful' : 'newest'
  const left = last === undefined || customer.parked !== undefined ? undefined : leftBy(last)
  return left === undefined || isSame(left, customer.account) ? 'newest' : 'doubtful'
}

export const createTableReads = (
  batch: ReadCustomer,
  active: ActiveOf,
  progress: Pick<Progress, 'floor'>,
  prover: Prover,
  stream: SameStream,
  log: Logger,
): TableReads => {
  let away_until_ms = Number.NEGATIVE_INFINITY

  /** The item as the stream bears it out; undefined when that cannot be told soon enough. */
  const borneOut = async (id: ClientId, item: Item, newest: Newest): Promise<Item | undefined> => {
    switch (opinionOf(item, newest)) {
      case 'newest':
        return item
      case 'older':
        // it was right once, and nobody knows how much came after it: that is read from the stream
        return { ...item, complete_to: 0 }
      case 'doubtful':
        try {
          const { customer } = await prover.prove(id, item.customer, newest.last)
          return (await stream.check()) ? { customer, complete_to: 0 } : undefined
        } catch (err) {
          log.debug({ client_id: id, err }, 'an item cannot be proved at the moment')
          return undefined
        }
    }
  }

  const noteFailure = ({ tag, message }: BatchError): void => {
    // whether a table may be believed is known at once: only one that does not answer is left alone
    if (tag === 'NotOurs') return
    const is_news = performance.now() >= away_until_ms
    away_until_ms = performance.now() + AWAY_MS
    if (is_news) log.warn({ reason: message }, 'DynamoDB cannot be read: the stream answers')
  }

  return {
    read: async id => {
      if (performance.now() < away_until_ms) return undefined
      const before = await active()
      // asked before the item is read: what was acknowledged by then is in the item
      const complete_to = E.isRight(before) ? progress.floor(before.right) : 0
      const found = await batch(id)()
      if (E.isLeft(found)) {
        noteFailure(found.left)
        return undefined
      }
      const same = E.isRight(before) && before.right.table === found.right.table
      const item = itemOf(found.right, same ? complete_to : 0)
      return item === undefined ? undefined : borneOut(id, item, found.right.newest)
    },
  }
}
