/**
 * An explained event as `customer.explain` replies it. The texts of callers are left out, and a state has the first of its
 * open holds: `customer.account` with `as_of_seq` has more.
 */

import { inOrder } from '../../ledger/account-at.js'
import { type AccountId, customerOf, namesOf, otherSide } from '../../ledger/account-id.js'
import { toJson } from '../../ledger/amount.js'
import { callerIn } from '../../ledger/caller.js'
import { detailsOf, type LedgerEvent } from '../../ledger/event.js'
import type { DeclinedRecord } from '../../ledger/event-body.js'
import { type Explanation, explain, explainAttempt, REFUSED, type StateThen } from '../../ledger/explain.js'
import { expiredAt, type HoldEnd } from '../../ledger/hold-end.js'
import type { Recorded } from '../../stream/recorded.js'
import type { JudgedEvent, OtherMessage, RefusedAttempt } from '../past/explain-record.js'
import { holdJson, standingJson } from './account-json.js'

/** The open holds of a state that a reply has at the most. */
const HOLDS_MAX = 20

const stateJson = (state: StateThen) => ({
  ...standingJson(state),
  version: state.version,
  seq: state.seq,
  open_holds: state.holds.length,
  holds: inOrder(state.holds).slice(0, HOLDS_MAX).map(holdJson),
})

const amountJson = (amount: bigint | undefined) => (amount === undefined ? undefined : toJson(amount))

/** What the event says; texts of callers are left out. */
const eventJson = (event: LedgerEvent, id: AccountId) => {
  const { type, amount, transaction_id, transfer } = event
  return {
    type,
    amount: amountJson(amount),
    transaction_id,
    counterparty: transfer === undefined ? undefined : otherSide(id, transfer.counterparty),
    ...detailsOf(event),
  }
}

const timeText = (ms: number): string => new Date(ms).toISOString()

const placeJson = ({ seq, at, headers }: Recorded, id: AccountId | undefined) => ({
  ...(id === undefined ? {} : namesOf(id)),
  seq,
  at: at.toISOString(),
  by: callerIn(headers),
})

/** What counted for the rule: the amount that was asked for, what was available, the hold or its end, the restriction. */
const countedJson = (
  event: LedgerEvent,
  { before, hold, rejection }: Explanation,
  hold_end: HoldEnd | undefined,
) => {
  const { restriction } = before
  const asked = event.amount ?? rejection?.amount ?? (event.type === 'release' ? hold?.amount : undefined)
  return {
    amount: amountJson(asked),
    available: toJson(before.available),
    hold: hold && { ...holdJson(hold), is_open: hold.is_open },
    ...(hold?.is_open === false ? expiredAt(hold.expires_ms) : hold_end),
    open_holds: event.type === 'hold' ? before.holds.length : undefined,
    ...(restriction === undefined ? {} : { state: restriction.state, reason: restriction.reason }),
  }
}

const lawJson = (event: LedgerEvent, explanation: Explanation, hold_end: HoldEnd | undefined) => {
  const { rejection, rule, before, after, time_ms } = explanation
  return {
    outcome: rejection === undefined ? 'applied' : 'refused',
    code: rejection?.code,
    rule,
    // the time of an account that knows none decides nothing
    judged_at: timeText(time_ms),
    counted: countedJson(event, explanation, hold_end),
    before: stateJson(before),
    after: stateJson(after),
  }
}

/** A refused command: what the record of its refusal says, and by what; `law` where the law itself would say another thing. */
const refusalJson = (
  { id, record, event, hold_end }: JudgedEvent,
  { command, code, client_id }: DeclinedRecord,
  attempt: RefusedAttempt,
) => {
  const explanation = explainAttempt(attempt.account, attempt.event, record, code)
  const { rule, rejection } = explanation
  const { before, counted, after: _, ...law } = lawJson(attempt.event, explanation, hold_end)
  // a command that left the amount to its hold brought none
  const amount = amountJson(event.amount)
  const agrees = rejection?.code === code
  return {
    ...law,
    outcome: 'declined',
    command,
    code,
    refused_by: customerOf(client_id),
    wanted: { ...eventJson(attempt.event, id), amount },
    counted: { ...counted, amount },
    rule: agrees ? rule : REFUSED[code],
    law: agrees ? undefined : (rejection?.code ?? 'applied'),
    before,
    after: before,
  }
}

/** An event that this program can read. */
const judgedJson = (told: JudgedEvent): object => {
  const { id, record, event, account, attempt } = told
  const declined = event.type === 'declined' ? event.declined : undefined
  const place = { ...placeJson(record, id), event: eventJson(event, id) }
  if (declined !== undefined && attempt !== undefined)
    return { ...place, ...refusalJson(told, declined, attempt) }
  const law = lawJson(event, explain(account, event, record), told.hold_end)
  if (declined === undefined) return { ...place, ...law }
  const { command, code, client_id } = declined
  return {
    ...place,
    ...law,
    outcome: 'declined',
    command,
    code,
    refused_by: customerOf(client_id),
    rule: REFUSED[code],
  }
}

const REASON_CHARS_MAX = 300

/** A message that is no event for this program: why it has no effect, or none yet. */
const unjudgedJson = ({ id, record, decoded, is_skipped }: OtherMessage): object => {
  const place = placeJson(record, id)
  switch (decoded.tag) {
    case 'malformed': {
      const rule = decoded.reason.slice(0, REASON_CHARS_MAX)
      return { ...place, outcome: 'refused', code: 'MALFORMED', rule }
    }
    case 'future':
      return is_skipped
        ? {
            ...place,
            outcome: 'refused',
            code: 'SKIPPED',
            rule: 'a person has decided that it does not count',
          }
        : { ...place, outcome: 'waits', rule: `the customer waits for a program of schema ${decoded.schema}` }
    case 'skip':
      return { ...place, outcome: 'decision', rule: `event ${decoded.skip.seq} does not count` }
  }
}

/** An explained event. JSON leaves out undefined fields. */
export const explainedJson = (explained: JudgedEvent | OtherMessage): object =>
  'decoded' in explained ? unjudgedJson(explained) : judgedJson(explained)
