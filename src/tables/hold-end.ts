/**
 * Reads from the journal how a hold ended: from the rows of its account after it.
 */

import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import { pipe, type TaskEither, TE } from '../fp.js'
import type { AccountId } from '../ledger/account-id.js'
import type { LedgerEvent } from '../ledger/event-body.js'
import { endOfHold, type HoldEnd, type LaterEvent, NEVER_MADE } from '../ledger/hold-end.js'
import type { TableError } from './errors.js'
import { eventOfRow } from './journal-by-id.js'
import { readRows } from './journal-pages.js'
import type { LinkedRow } from './journal-row.js'

/** The rows after a hold that are read for its end: of a hold that ended later nothing is told. */
const ROWS_MAX = 1_000

/** The event of the stream that has the id of a hold. */
export type StoredUnderHold = { readonly id: AccountId; readonly seq: number; readonly event: LedgerEvent }

/** The events of rows after the one at `seq`, up to the first gap: the index of the rows may be a moment behind. */
function* inChain(seq: number, rows: readonly LinkedRow[]): Generator<LaterEvent> {
  let last_seq = seq
  for (const row of rows) {
    if (row.previous_seq !== last_seq) return
    last_seq = row.seq
    const event = eventOfRow(row)
    if (event === undefined) return
    yield { event, at: row.at }
  }
}

/**
 * The end of the hold with the id `hold` on the account `id`, before the event at `before_seq`. `stored` is the event that the
 * stream has under the id, undefined when it is certain that it has none. Undefined when the journal does not tell the end.
 */
export const readHoldEnd = (
  client: DynamoDBDocumentClient,
  table: string,
  { id, hold }: { readonly id: AccountId; readonly hold: string },
  stored: StoredUnderHold | undefined,
  before_seq = Number.MAX_SAFE_INTEGER,
): TaskEither<TableError, HoldEnd | undefined> => {
  if (stored === undefined || stored.id !== id || stored.event.type !== 'hold' || stored.seq >= before_seq)
    return TE.right(NEVER_MADE)
  const { seq, event } = stored
  const { amount, expires_ms } = event
  const range = { from_seq: seq + 1, to_seq: before_seq - 1, newest_first: false, rows_max: ROWS_MAX }
  return pipe(
    readRows(client, table, id, range),
    TE.map(rows => endOfHold({ id: hold, amount, expires_ms }, inChain(seq, rows))),
  )
}
