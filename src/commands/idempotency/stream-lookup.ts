/**
 * Finds transactions without the journal, by the ids that the stream's events have: the newest ids in memory, the customer's own
 * history, and the checkpoint of all ids.
 *
 * This is the way where the table cannot be asked, and where it has rows of savepoints only.
 */

import { unwrap } from '../../fp.js'
import { createGatherer } from '../../gather.js'
import type { FindOlderIds } from '../../known-ids/older-ids.js'
import { createSlots } from '../../parallel.js'
import { leadershipOf } from '../../stream/leadership.js'
import type { CommandDeps } from '../deps.js'
import { HistoryTooLong } from './history.js'
import type { KnownIds } from './known-ids.js'
import { type StoredTransaction, storedAt } from './stored-transaction.js'
import type { FindTransaction } from './window.js'

/** What was looked at leaves a gap, so an id that was not found may be stored all the same. */
export class GapUnread extends Error {
  override readonly name = 'GapUnread'
}

export type StreamLookupParts = {
  readonly findInHistory: FindTransaction
  readonly known: KnownIds
  readonly findOlder: FindOlderIds
}

export type StreamLookup = {
  /** The transaction among the newest ids. Rejects when the event there has another id: then the ids of both are not exact. */
  readonly amongNewest: (transaction_id: string) => Promise<StoredTransaction | undefined>
  /** Whether events that were looked at up to `seq` and the newest ids together leave no event out. */
  readonly leaveNoGap: (seq: number) => boolean
  /** The transaction of a customer's command. Rejects when it is not certain that there is none. */
  readonly find: FindTransaction
  /**
   * The transaction of any customer. `seq` is infinite when it is certain that there is none, which can only be while the ids
   * of all events are known (`is_filtered`), and else 0.
   */
  readonly lookUp: (
    transaction_id: string,
    is_filtered: boolean,
  ) => Promise<{ readonly known: StoredTransaction | undefined; readonly seq: number }>
}

/** The most ids that are looked for in the checkpoint at once. */
const OLDER_IDS_MAX = 100
const READS_MAX = 32

const onlyTooLong = (cause: unknown): undefined => {
  if (!(cause instanceof HistoryTooLong)) throw cause
  return undefined
}

export const createStreamLookup = (
  deps: CommandDeps,
  { findInHistory, known, findOlder }: StreamLookupParts,
): StreamLookup => {
  const slots = createSlots(READS_MAX)
  const seqsOfOlder = createGatherer<string, readonly number[]>(OLDER_IDS_MAX, 1, async ids =>
    findOlder(ids, known.exactAfter() ?? unwrap(await leadershipOf(deps.nc).prove()()).last_seq),
  )

  const leaveNoGap: StreamLookup['leaveNoGap'] = seq => {
    const exact_after = known.exactAfter()
    return exact_after !== undefined && exact_after <= seq
  }

  const amongNewest: StreamLookup['amongNewest'] = async transaction_id => {
    const seq = known.seqOf(transaction_id)
    if (seq === undefined) return undefined
    const stored = await slots(() => storedAt(deps, seq))
    if (stored?.event.transaction_id === transaction_id) return stored
    throw new GapUnread(`event ${seq} has another transaction id than ${transaction_id}, with the same hash`)
  }

  /** The transaction among the ids that are not known exactly in memory. */
  const amongOlder = async (transaction_id: string): Promise<StoredTransaction | undefined> => {
    for (const seq of (await seqsOfOlder(transaction_id)) ?? []) {
      const stored = await slots(() => storedAt(deps, seq))
      if (stored?.event.transaction_id === transaction_id) return stored
    }
    return undefined
  }

  return {
    amongNewest,
    leaveNoGap,
    find: async (transaction_id, id, newest) => {
      const found = await amongNewest(transaction_id)
      if (found !== undefined || leaveNoGap(0)) return found
      // a history costs nats-server a read for nearly each of its events, and up to one new id in 200 comes here
      if (known.exactAfter() !== undefined) {
        const older = await amongOlder(transaction_id).catch((cause: unknown): 'not told' => {
          deps.log.debug({ err: cause }, 'the checkpoint of transaction ids cannot tell')
          return 'not told'
        })
        if (older !== 'not told') return older
      }
      // the customer's own events tell sooner than the ledger, but the id may be that of another one's
      const own = await findInHistory(transaction_id, id, newest).catch(onlyTooLong)
      return own ?? amongOlder(transaction_id)
    },
    lookUp: async (transaction_id, is_filtered) => {
      try {
        const newest = await amongNewest(transaction_id)
        if (newest !== undefined || !is_filtered) return { known: newest, seq: 0 }
        const older = leaveNoGap(0) ? undefined : await amongOlder(transaction_id)
        return { known: older, seq: older === undefined ? Number.POSITIVE_INFINITY : 0 }
      } catch (cause) {
        deps.log.debug({ err: cause }, 'not all ids of the stream could be looked at')
        return { known: undefined, seq: 0 }
      }
    },
  }
}
