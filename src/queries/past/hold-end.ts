/**
 * Finds how a hold had ended before an event that needed it.
 */

import { E } from '../../fp.js'
import { type AccountId, accountOn } from '../../ledger/account-id.js'
import { decodeEvent } from '../../ledger/event.js'
import type { HoldEnd } from '../../ledger/hold-end.js'
import type { Recorded } from '../../stream/recorded.js'
import { readHoldEnd } from '../../tables/hold-end.js'
import type { QueryDeps } from '../deps.js'
import type { FindEvent } from './find-event.js'

/** What had become of a hold before the event at `seq`; undefined when the journal does not tell it. */
export type FindHoldEndBefore = (id: AccountId, hold: string, seq: number) => Promise<HoldEnd | undefined>

const storedIn = (record: Recorded | undefined) => {
  if (record === undefined) return undefined
  const id = accountOn(record.subject)
  const decoded = E.isRight(id) ? decodeEvent(record.body, id.right) : undefined
  return E.isRight(id) && decoded?.tag === 'event'
    ? { id: id.right, seq: record.seq, event: decoded.event }
    : undefined
}

export const createFindHoldEndBefore =
  ({ tables, active, log }: QueryDeps, find: FindEvent): FindHoldEndBefore =>
  async (id, hold, seq) => {
    const [made, journal] = await Promise.all([find.byId(hold), active()])
    if (E.isLeft(made) || E.isLeft(journal)) return undefined
    const end = await readHoldEnd(tables, journal.right.table, { id, hold }, storedIn(made.right), seq)()
    if (E.isRight(end)) return end.right
    log.debug({ err: end.left.cause, reason: end.left.message, hold }, 'how a hold ended cannot be told')
    return undefined
  }
