/**
 * Reads from an account's subject how a hold ended: from the events after it that count.
 */

import { E, pipe, type TaskEither, TE } from '../fp.js'
import type { Account } from '../ledger/account.js'
import type { AccountId } from '../ledger/account-id.js'
import type { LedgerEvent } from '../ledger/event-body.js'
import { endOfHold, type HoldEnd, type LaterEvent, NEVER_MADE } from '../ledger/hold-end.js'
import type { StreamError } from './errors.js'
import { foldSubject, type SubjectDeps } from './fold-subject.js'

/** The events that are folded for the end of a hold: of one that ended later nothing is told. */
const EVENTS_MAX = 1_000

/** The event of the stream that has the id of a hold. */
export type StoredUnderHold = { readonly id: AccountId; readonly seq: number; readonly event: LedgerEvent }

export type HoldEndRange = {
  /** An account's state at or before a sequence, from which the events that count are folded. */
  readonly accountAt: (seq: number) => Promise<Account>
  /** Events from this sequence on are not looked at. */
  readonly before_seq?: number
}

/**
 * The end of the hold `hold` on the account `id`. `stored` is the event that the stream has under the id, undefined when it is
 * certain that it has none. Undefined when the hold had not ended, or not within the events that are looked at.
 */
export const readHoldEnd =
  (
    deps: SubjectDeps,
    { id, hold }: { readonly id: AccountId; readonly hold: string },
    stored: StoredUnderHold | undefined,
    { accountAt, before_seq = Number.MAX_SAFE_INTEGER }: HoldEndRange,
  ): TaskEither<StreamError, HoldEnd | undefined> =>
  async () => {
    if (stored === undefined || stored.id !== id || stored.event.type !== 'hold' || stored.seq >= before_seq)
      return E.right(NEVER_MADE)
    const { seq, event } = stored
    const { amount, expires_ms } = event
    const account = await accountAt(seq)
    const later: LaterEvent[] = []
    const end = (): HoldEnd | undefined => endOfHold({ id: hold, amount, expires_ms }, later)
    const folded = foldSubject(
      deps,
      id,
      { customer: { account }, last_seq: account.seq },
      {
        to_seq: before_seq - 1,
        events_max: EVENTS_MAX,
        onApplied: (record, later_event) => {
          if (record.seq <= seq || !('hold' in later_event) || later_event.hold !== hold) return undefined
          later.push({ event: later_event, at: record.at.toISOString() })
          return end() === undefined ? undefined : 'enough'
        },
      },
    )
    return pipe(folded, TE.map(end))()
  }
