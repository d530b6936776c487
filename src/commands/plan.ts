/**
 * Plans one batch: decides commands in the order of their arrival, each on the accounts as the ones before it left
 * them, and lays out the messages that carry the decisions. Pure.
 */

import { E } from '../fp.js'
import type { Account } from '../ledger/account.js'
import { type ClientId, eventSubject } from '../ledger/client-id.js'
import { type Command, customersOfCommand } from '../ledger/command.js'
import { decide, declined, type Refusal } from '../ledger/decide.js'
import { encodeEvent, type LedgerEvent } from '../ledger/event.js'
import { BATCH_MESSAGES_MAX, type NewMessage } from '../stream/publish.js'
import type { Loaded } from './load.js'
import { failed, type Outcome, type Position, replyOf } from './outcome.js'

/** A command that waits for its outcome. `A` is whatever the caller keeps beside it. */
export type Ask = {
  readonly command: Command /** Whether the caller brought the transaction id. */
  readonly given: boolean
}

type Event = { readonly id: ClientId; readonly event: LedgerEvent; readonly after: Account }

/** What the batch does for one command, once it is stored. */
export type Planned<A extends Ask> =
  | { readonly tag: 'accepted'; readonly ask: A; readonly first: number; readonly count: number }
  | { readonly tag: 'declined'; readonly ask: A; readonly refusal: Refusal }
  /** Refused without an event; holds if the batch holds and has an event of that customer, else a leader read tells. */
  | { readonly tag: 'refused'; readonly ask: A; readonly refusal: Refusal }

export type Plan<A extends Ask> = {
  readonly events: readonly Event[]
  readonly planned: readonly Planned<A>[]
  /** Did not fit any more. */
  readonly left_over: readonly A[]
}

export const planBatch = <A extends Ask>(
  asks: readonly A[],
  loaded: ReadonlyMap<ClientId, Loaded>,
): Plan<A> => {
  const events: Event[] = []
  const planned: Planned<A>[] = []
  const accounts = new Map<ClientId, Account>()

  const accountOf = (id: ClientId): Account => {
    const account = accounts.get(id) ?? loaded.get(id)?.customer.account
    if (account === undefined) throw new Error(`${id} was not loaded before it was decided on`)
    return account
  }

  for (const [index, ask] of asks.entries()) {
    const { command, given } = ask
    const room = BATCH_MESSAGES_MAX - events.length
    if (room < (command.type === 'transfer' ? 2 : 1)) return { events, planned, left_over: asks.slice(index) }
    const decision = decide(command, accountOf)
    if (E.isRight(decision)) {
      planned.push({ tag: 'accepted', ask, first: events.length, count: decision.right.length })
      for (const { id, event, after } of decision.right) {
        events.push({ id, event, after })
        accounts.set(id, after)
      }
    } else if (given) {
      const [id] = customersOfCommand(command)
      events.push({ id, event: declined(command, decision.left), after: accountOf(id) })
      planned.push({ tag: 'declined', ask, refusal: decision.left })
    } else {
      planned.push({ tag: 'refused', ask, refusal: decision.left })
    }
  }
  return { events, planned, left_over: [] }
}

/** The messages of a plan; the first one of each customer expects the sequence that the decision was made at. */
export const messagesOf = (plan: Plan<Ask>, loaded: ReadonlyMap<ClientId, Loaded>): NewMessage[] => {
  const begun = new Set<ClientId>()
  return plan.events.map(({ id, event }) => {
    const isFirst = !begun.has(id)
    begun.add(id)
    return {
      subject: eventSubject(id),
      body: encodeEvent(event),
      ...(event.transaction_id === undefined ? {} : { msg_id: event.transaction_id }),
      ...(isFirst ? { expected_last_subject_seq: loaded.get(id)?.last_seq ?? 0 } : {}),
    }
  })
}

/** The accounts as a stored batch left them, when its last message has sequence `last_seq`. */
export const loadedAfter = (plan: Plan<Ask>, last_seq: number): Map<ClientId, Loaded> => {
  const first_seq = last_seq - plan.events.length + 1
  return new Map(
    plan.events.map(({ id, after }, index) => {
      const seq = first_seq + index
      return [id, { customer: { account: { ...after, seq } }, last_seq: seq }]
    }),
  )
}

const refusedOutcome = ({ command }: Ask, { code, client_id, balance, amount }: Refusal): Outcome =>
  failed(code, { transaction_id: command.transaction_id, client_id, balance, amount })

/** The outcome of one planned command, when the batch is stored and its last message has sequence `last_seq`. */
export const outcomeOf = (plan: Plan<Ask>, planned: Planned<Ask>, last_seq: number): Outcome => {
  if (planned.tag !== 'accepted') return refusedOutcome(planned.ask, planned.refusal)
  const { ask, first, count } = planned
  const first_seq = last_seq - plan.events.length + 1
  const positions = plan.events.slice(first, first + count).map(
    ({ id, after: { balance, version } }, index): Position => ({
      client_id: id,
      balance,
      version,
      seq: first_seq + first + index,
    }),
  )
  return { tag: 'done', reply: replyOf(ask.command, positions), replayed: false }
}
