/**
 * Explains a stored event by the law, run again on the account that the stream gives for the moment before it.
 */

import { E, type Either, pipe } from '../../fp.js'
import type { Account } from '../../ledger/account.js'
import { type AccountId, accountOn } from '../../ledger/account-id.js'
import { attemptOf } from '../../ledger/attempt.js'
import { type Decoded, decodeEvent, SECOND_LEG } from '../../ledger/event.js'
import type { LedgerEvent } from '../../ledger/event-body.js'
import type { HoldEnd } from '../../ledger/hold-end.js'
import { NO_RULES } from '../../ledger/rules.js'
import type { ServiceError } from '../../service/error.js'
import type { Recorded } from '../../stream/recorded.js'
import type { AsOf } from './as-of.js'
import type { FindHoldEndBefore } from './hold-end.js'

/** A refused event, and the account that refused it. */
export type RefusedAttempt = {
  readonly client_id: AccountId
  readonly event: LedgerEvent
  readonly account: Account
}

/** An event on a customer's account, with the account before it; for the record of a refusal also what was refused. */
export type JudgedEvent = {
  readonly id: AccountId
  readonly record: Recorded
  readonly event: LedgerEvent
  readonly account: Account
  readonly attempt?: RefusedAttempt
  /** What had become of the hold that it needed, where the account did not have it. */
  readonly hold_end?: HoldEnd
}

/** A message that is no event for this program. */
export type OtherMessage = {
  readonly id: AccountId | undefined
  readonly record: Recorded
  readonly decoded: Exclude<Decoded, { tag: 'event' }>
  /** Whether a person has decided that the event does not count. */
  readonly is_skipped: boolean
}

type Read<A> = Promise<Either<ServiceError, A>>
export type ExplainRecord = (record: Recorded) => Read<JudgedEvent | OtherMessage>

const NO_CUSTOMER: OtherMessage['decoded'] = { tag: 'malformed', reason: 'the subject names no customer' }

/** The hold that an event needs and its account does not have; undefined for the sweeper's record, which needs none. */
const holdMissedBy = (event: LedgerEvent, { rules = NO_RULES }: Account): string | undefined => {
  if (!('hold' in event) || event.hold === undefined) return undefined
  if (event.type === 'release' && event.expired === true) return undefined
  return rules.holds.some(({ id }) => id === event.hold) ? undefined : event.hold
}

export const createExplainRecord = (before: AsOf['before'], holdEnd: FindHoldEndBefore): ExplainRecord => {
  const accountBefore = async (id: AccountId, seq: number): Read<Account> =>
    pipe(
      await before(id, seq),
      E.map(({ account }) => account),
    )

  const attemptIn = async ({ id, record, event, account }: JudgedEvent): Read<RefusedAttempt | undefined> => {
    const attempt = event.type === 'declined' ? attemptOf(id, event, record.at.getTime()) : undefined
    if (attempt === undefined) return E.right(undefined)
    const { client_id } = attempt
    const refuser = client_id === id ? E.right(account) : await accountBefore(client_id, record.seq)
    return E.isLeft(refuser) ? refuser : E.right({ ...attempt, account: refuser.right })
  }

  const holdEndOf = async ({ id, record, event, account, attempt }: JudgedEvent) => {
    const hold =
      attempt === undefined ? holdMissedBy(event, account) : holdMissedBy(attempt.event, attempt.account)
    return hold === undefined ? undefined : holdEnd(attempt?.client_id ?? id, hold, record.seq)
  }

  const tell = async (id: AccountId, record: Recorded, event: LedgerEvent): Read<JudgedEvent> => {
    const account = await accountBefore(id, record.seq)
    if (E.isLeft(account)) return account
    const told = { id, record, event, account: account.right }
    const attempt = await attemptIn(told)
    if (E.isLeft(attempt)) return attempt
    const judged = attempt.right === undefined ? told : { ...told, attempt: attempt.right }
    const hold_end = await holdEndOf(judged)
    return E.right(hold_end === undefined ? judged : { ...judged, hold_end })
  }

  return async record => {
    const id = accountOn(record.subject)
    if (E.isLeft(id)) return E.right({ id: undefined, record, decoded: NO_CUSTOMER, is_skipped: false })
    const decoded = decodeEvent(record.body, id.right)
    if (decoded.tag === 'event') return tell(id.right, record, decoded.event)
    // the account after an event of an unknown schema is known only when a person has passed over it
    const is_skipped = decoded.tag === 'future' && E.isRight(await before(id.right, record.seq + 1))
    return E.right({ id: id.right, record, decoded, is_skipped })
  }
}

/** The event of a record; undefined when it has none that this program can read. */
const eventOf = ({ subject, body }: Recorded): LedgerEvent | undefined => {
  const id = accountOn(subject)
  const decoded = E.isRight(id) ? decodeEvent(body, id.right) : undefined
  return decoded?.tag === 'event' ? decoded.event : undefined
}

/** Whether a record says that it is the first event of a transfer. */
export const isFirstLeg = (record: Recorded): boolean => {
  const event = eventOf(record)
  return event?.type === 'debit' && event.transfer !== undefined && event.transaction_id !== undefined
}

/** Whether a record is the second event of the transfer that `first` begins. */
export const isSecondLeg = (record: Recorded, first: Recorded): boolean => {
  const [id, event, debit] = [accountOn(record.subject), eventOf(record), eventOf(first)]
  return (
    E.isRight(id) &&
    id.right === debit?.transfer?.counterparty &&
    event?.transaction_id === `${debit.transaction_id}${SECOND_LEG}`
  )
}
