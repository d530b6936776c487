/**
 * Reads heads from the table while it can be read. For a second after a failure no request waits for the table's
 * time-outs: the stream is asked instead. Then the table is tried again.
 *
 * An item is compared with the newest event of its customer: a person may have put an older state of the item back,
 * deleted it, or changed it, in a table that is otherwise the right one (docs/adr/0026).
 */

import type { Logger } from 'pino'
import { E } from '../../fp.js'
import type { AccountId } from '../../ledger/account-id.js'
import type { Customer } from '../../ledger/fold.js'
import { contradicts, type Prover } from '../../stream/proof.js'
import { isNew } from '../../tables/heads.js'
import type { ActiveOf } from '../deps.js'
import type { SameStream } from '../same-stream.js'
import type { BatchError, Newest, ReadCustomer, ReadItem } from './batcher.js'
import type { FreshnessWatch } from './freshness-watch.js'
import { lastSeqOf } from './hot-set.js'

/** A customer's item, with at least every event of the customer up to `complete_to`. */
export type CompleteItem = { readonly customer: Customer; readonly complete_to: number }

export type TableReads = {
  /** Undefined while the table cannot be read. */
  readonly read: (id: AccountId) => Promise<CompleteItem | undefined>
}

const AWAY_MS = 1_000

/** The item that a read proves. Before the read the projection had acknowledged every event up to `complete_to`. */
const itemOf = ({ customer, newest_seq }: ReadItem, complete_to: number): CompleteItem | undefined => {
  // acknowledged events are in the table, unless a person has put an older state of it back since
  if (newest_seq < complete_to) return undefined
  // a missing item proves nothing: a person may have removed it
  return { customer, complete_to: isNew(customer) ? 0 : complete_to }
}

/** `newest`: no event after the item is known. `older`: one is known. `doubtful`: the item contradicts the event. */
type Opinion = 'newest' | 'older' | 'doubtful'

/** Compares an item with the newest event of its customer's subject. */
const opinionOf = ({ customer, complete_to }: CompleteItem, { is_known, last }: Newest): Opinion => {
  const item_seq = lastSeqOf(customer)
  if (!is_known) return 'newest'
  if (last !== undefined && last.seq > item_seq) return 'older'
  // an item that was written a moment ago may be newer than the events that a replica knows
  if ((last?.seq ?? 0) < item_seq) return item_seq <= complete_to ? 'doubtful' : 'newest'
  if (last === undefined || customer.parked !== undefined) return 'newest'
  return contradicts(last, customer.account) ? 'doubtful' : 'newest'
}

export const createTableReads = (
  batch: ReadCustomer,
  active: ActiveOf,
  watch: Pick<FreshnessWatch, 'floor'>,
  prover: Prover,
  stream: SameStream,
  log: Logger,
): TableReads => {
  let away_until_ms = Number.NEGATIVE_INFINITY

  /** The item as the stream confirms it; undefined when the stream cannot confirm it soon enough. */
  const confirmItem = async (
    id: AccountId,
    item: CompleteItem,
    newest: Newest,
  ): Promise<CompleteItem | undefined> => {
    switch (opinionOf(item, newest)) {
      case 'newest':
        return item
      case 'older':
        // the item was right once, and its later events are not known: they are read from the stream
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
    // a table that is not believed is refused at once: only a table that does not answer is left alone
    if (tag === 'NotOurs') return
    const is_news = performance.now() >= away_until_ms
    away_until_ms = performance.now() + AWAY_MS
    if (is_news) log.warn({ reason: message }, 'DynamoDB cannot be read: the stream answers')
  }

  return {
    read: async id => {
      if (performance.now() < away_until_ms) return undefined
      const before = await active()
      // taken before the item is read: events that were acknowledged by then are in the item
      const complete_to = E.isRight(before) ? watch.floor(before.right) : 0
      const found = await batch(id)()
      if (E.isLeft(found)) {
        noteFailure(found.left)
        return undefined
      }
      const is_same_table = E.isRight(before) && before.right.table === found.right.table
      const item = itemOf(found.right, is_same_table ? complete_to : 0)
      return item === undefined ? undefined : confirmItem(id, item, found.right.newest)
    },
  }
}
