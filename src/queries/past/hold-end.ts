/**
 * Finds how a hold had ended before an event that needed it.
 */

import { E } from '../../fp.js'
import { type AccountId, accountOn } from '../../ledger/account-id.js'
import { decodeEvent } from '../../ledger/event.js'
import type { HoldEnd } from '../../ledger/hold-end.js'
import { readHoldEnd } from '../../stream/hold-end.js'
import type { Recorded } from '../../stream/recorded.js'
import { lastSavepoint } from '../../tables/savepoints.js'
import type { QueryDeps } from '../deps.js'
import type { FindEvent } from './find-event.js'

/** What had become of a hold before the event at `seq`; undefined when that cannot be told. */
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
  (deps: QueryDeps, find: FindEvent): FindHoldEndBefore =>
  async (id, hold, seq) => {
    const { tables, active, log } = deps
    const [made, now] = await Promise.all([find.byId(hold), active()])
    if (E.isLeft(made) || E.isLeft(now)) return undefined
    const end = await readHoldEnd(deps, { id, hold }, storedIn(made.right), {
      accountAt: at_seq => lastSavepoint(tables, now.right.table, id, at_seq),
      before_seq: seq,
    })()
    if (E.isRight(end)) return end.right
    log.debug({ err: end.left.cause, reason: end.left.message, hold }, 'how a hold ended cannot be told')
    return undefined
  }
