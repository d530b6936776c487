/**
 * Reads the balance as it was after a stream sequence, or at a time: the fold of the subject, cut there.
 *
 * The fold starts from the journal: from the customer's head when the customer had no later event, otherwise from the
 * last row up to the sequence. When the row after that one proves that no row is missing in between, nothing is left to
 * fold; otherwise the subject is folded on from there. A row with many holds lacks them: then it is folded from an earlier one.
 *
 * An account that depends on time is shown at the moment that was asked for: for a sequence, that of the event there.
 */

import { E, type Either, pipe } from '../../fp.js'
import { instantOf } from '../../instant.js'
import { dependsOnTime } from '../../ledger/account-at.js'
import type { AccountId } from '../../ledger/account-id.js'
import { catalogued } from '../../service/catalogue.js'
import type { ServiceError } from '../../service/error.js'
import { firstSeqFrom } from '../../stream/by-time.js'
import { type Folded, fromHead } from '../../stream/fold-subject.js'
import { leadershipOf } from '../../stream/leadership.js'
import { nextProved } from '../../stream/read.js'
import { LEDGER_SUBJECTS } from '../../stream/settings.js'
import { readTrustedHead } from '../../tables/heads.js'
import { lastSavepoint } from '../../tables/savepoints.js'
import { type QueryDeps, readActive } from '../deps.js'
import type { Found, Result, Source } from '../hot-set/loader.js'
import { BEGINNING, type FoldPast, nextRow, unreadable } from './past.js'

export type AsOf = {
  /** The account after every event up to `seq`. Never rejects. */
  readonly seq: (id: AccountId, seq: number) => Promise<Result>
  /** The account after every event that is not newer than `ns` (nanoseconds since 1970). Never rejects. */
  readonly time: (id: AccountId, ns: bigint) => Promise<Result>
  /** The account before the event at `seq`, which the stream holds. Never rejects. */
  readonly before: (id: AccountId, seq: number) => Promise<Result>
}

const NS_PER_MS = 1_000_000n

const notReached = (message: string): Either<ServiceError, never> =>
  E.left(catalogued('NOT_REACHED', { message }))

/** The state from which the subject is folded on, and whether nothing is left to fold. */
type Start = { readonly from: Folded; readonly source: Source; readonly is_complete: boolean }

export const createAsOf = (deps: QueryDeps, fold: FoldPast): AsOf => {
  const { nc, tables } = deps
  const leadership = leadershipOf(nc)

  const fromRows = async (table: string, id: AccountId, seq: number): Promise<Start> => {
    const [account, after] = await Promise.all([
      lastSavepoint(tables, table, id, seq),
      nextRow(deps, table, id, seq),
    ])
    const is_complete = after?.previous_seq === account.seq
    return { from: { customer: { account }, last_seq: account.seq }, source: 'table', is_complete }
  }

  const start = async (id: AccountId, seq: number): Promise<Start> => {
    const head = await readActive(deps.active, ({ table, trust }) =>
      readTrustedHead(tables, table, id, trust),
    )()
    if (E.isLeft(head)) return { from: BEGINNING, source: 'stream', is_complete: false }
    const { table, found } = head.right
    if (found.account.seq > seq) return fromRows(table, id, seq)
    return { from: fromHead(found), source: 'table', is_complete: false }
  }

  const cut = async (id: AccountId, seq: number): Promise<Result> => {
    const { from, source, is_complete } = await start(id, seq)
    if (is_complete) return E.right({ account: from.customer.account, source, complete_to: seq })
    const folded = await fold(id, from, seq)
    if (E.isLeft(folded)) return unreadable(folded.left)
    const { account, parked } = folded.right.customer
    const { last_seq, complete_to } = folded.right
    if (parked !== undefined && parked.seq <= seq) {
      return unreadable(new Error(`${id} has an event of schema ${parked.schema} at ${parked.seq}`))
    }
    return E.right({ account, source: last_seq > from.last_seq ? 'stream' : source, complete_to })
  }

  /** The account at the time at which the event at `seq` was stored, or at its own time where the stream has none there. */
  const withTimeOf = async (found: Found, seq: number): Promise<Result> => {
    const { account } = found
    // at the account's last event it is the account's own time
    if (!dependsOnTime(account) || account.seq === seq) return E.right({ ...found, at_ms: 0 })
    const event = await nextProved(deps, LEDGER_SUBJECTS, seq)()
    if (E.isLeft(event)) return unreadable(event.left)
    return E.right({ ...found, at_ms: event.right?.seq === seq ? event.right.at.getTime() : 0 })
  }

  const atSeq = async (id: AccountId, seq: number): Promise<Result> => {
    const proved = await leadership.prove()()
    if (E.isLeft(proved)) return unreadable(proved.left)
    const { last_seq } = proved.right
    if (seq > last_seq) return notReached(`the stream has come to sequence ${last_seq}`)
    const found = await cut(id, seq)
    return E.isLeft(found) ? found : withTimeOf(found.right, seq)
  }

  const atTime = async (id: AccountId, ns: bigint): Promise<Result> => {
    // the end is proved before the time is looked up: an event that arrives in between is newer than that time
    const proved = await leadership.prove()()
    if (E.isLeft(proved)) return unreadable(proved.left)
    const { last_seq, server_time } = proved.right
    // the times of the stream's events are its servers' times
    if (ns > instantOf(server_time)) return notReached(`it is ${server_time.toISOString()} in the stream`)
    const later_seq = await firstSeqFrom(deps, LEDGER_SUBJECTS, ns + 1n, last_seq)()
    if (E.isLeft(later_seq)) return unreadable(later_seq.left)
    return pipe(
      await cut(id, later_seq.right - 1),
      E.map(found => ({ ...found, at_ms: Number(ns / NS_PER_MS) })),
    )
  }

  return {
    seq: (id, seq) => atSeq(id, seq).catch(unreadable),
    time: (id, ns) => atTime(id, ns).catch(unreadable),
    before: (id, seq) => cut(id, seq - 1).catch(unreadable),
  }
}
