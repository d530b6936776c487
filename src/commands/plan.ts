/**
 * Plans one batch: decides asks in the order of their arrival, each on the accounts as the ones before it left them, and
 * lays out the messages that carry the decisions. Pure.
 */

import { E } from '../fp.js'
import type { Account } from '../ledger/account.js'
import { type ClientId, eventSubject } from '../ledger/client-id.js'
import { type Command, customersOfCommand } from '../ledger/command.js'
import { decide, declined, type Refusal } from '../ledger/decide.js'
import { encodeEvent, type LedgerEvent } from '../ledger/event.js'
import type { MessageFault } from '../stream/errors.js'
import { BATCH_MESSAGES_MAX, type BatchMessage } from '../stream/publish.js'
import type { Ask, AskResult } from './ask.js'
import type { Loaded } from './load.js'
import { type Failure, failed, type Position, type Reply, replyOf } from './outcome.js'

/** `is_first` of its customer in the batch: that one carries the expectation. */
type Event = {
  readonly id: ClientId
  readonly event: LedgerEvent
  readonly after: Account
  readonly is_first: boolean
}

/** Refused at command `index` of its ask. */
type Refused = { readonly ask: Ask; readonly refusal: Refusal; readonly index: number }

/** What the batch does for one ask, once it is stored. */
export type Planned =
  | { readonly tag: 'accepted'; readonly ask: Ask; readonly first: number }
  /** The refusal is frozen by an event of the batch. */
  | ({ readonly tag: 'declined' } & Refused)
  /** Refused without an event; holds if the batch holds and has events of all it rests on, else a leader read tells. */
  | ({ readonly tag: 'refused' } & Refused)

export type Plan = {
  readonly events: readonly Event[]
  readonly planned: readonly Planned[]
  /** Asks that threw while they were decided: faults of this program, and of no other ask. */
  readonly broken: readonly { readonly ask: Ask; readonly cause: unknown }[]
  /** Did not fit any more. */
  readonly left_over: readonly Ask[]
}

/** How many messages carry a command out. */
export const messagesOfCommand = ({ type }: Command): number => (type === 'transfer' ? 2 : 1)

const messagesOfAsk = ({ commands }: Ask): number => {
  let messages = 0
  for (const command of commands) messages += messagesOfCommand(command)
  return messages
}

export const planBatch = (asks: readonly Ask[], loaded: ReadonlyMap<ClientId, Loaded>): Plan => {
  const events: Event[] = []
  const planned: Planned[] = []
  const broken: { ask: Ask; cause: unknown }[] = []
  const accounts = new Map<ClientId, Account>()

  const accountOf = (id: ClientId): Account => {
    const account = accounts.get(id) ?? loaded.get(id)?.customer.account
    if (account === undefined) throw new Error(`${id} was not loaded before it was decided on`)
    return account
  }

  const add = (id: ClientId, event: LedgerEvent, after: Account): void => {
    events.push({ id, event, after, is_first: !accounts.has(id) })
    accounts.set(id, after)
  }

  /** Takes the events of a group back that was refused at a later command. */
  const takeBack = (from: number): void => {
    for (const { id } of events.splice(from)) accounts.delete(id)
    for (const { id, after } of events) accounts.set(id, after)
  }

  /** Adds the events of the ask's commands up to the first that is refused. */
  const decideAll = (ask: Ask): Refused | undefined => {
    let index = 0
    for (const command of ask.commands) {
      const decision = decide(command, accountOf)
      if (E.isLeft(decision)) return { ask, refusal: decision.left, index }
      for (const { id, event, after } of decision.right) add(id, event, after)
      index += 1
    }
    return undefined
  }

  const planOne = (ask: Ask): Planned => {
    const first = events.length
    const refused = decideAll(ask)
    if (refused === undefined) return { tag: 'accepted', ask, first }
    if (events.length > first) takeBack(first)
    const [only, ...more] = ask.commands
    if (!ask.given || only === undefined || more.length > 0) return { tag: 'refused', ...refused }
    const [id] = customersOfCommand(only)
    const account = accountOf(id)
    add(id, { ...declined(only, refused.refusal), after: account }, account)
    return { tag: 'declined', ...refused }
  }

  for (const [index, ask] of asks.entries()) {
    const first = events.length
    if (BATCH_MESSAGES_MAX - first < messagesOfAsk(ask)) {
      return { events, planned, broken, left_over: asks.slice(index) }
    }
    try {
      planned.push(planOne(ask))
    } catch (cause) {
      takeBack(first)
      broken.push({ ask, cause })
    }
  }
  return { events, planned, broken, left_over: [] }
}

/** The body of an event; one that cannot be written is the fault of its command, and no reason to stop the others. */
const bodyOf = (event: LedgerEvent): Pick<BatchMessage, 'body' | 'not_encodable'> => {
  try {
    return { body: encodeEvent(event), not_encodable: undefined }
  } catch (cause) {
    return { body: '', not_encodable: cause instanceof Error ? cause.message : String(cause) }
  }
}

/** The messages of a plan; the first one of each customer expects the sequence that the decision was made at. */
export const messagesOf = ({ events }: Plan, loaded: ReadonlyMap<ClientId, Loaded>): BatchMessage[] =>
  events.map(({ id, event, is_first }) => {
    const { body, not_encodable } = bodyOf(event)
    return {
      subject: eventSubject(id),
      body,
      not_encodable,
      msg_id: event.transaction_id ?? '',
      expected_last_subject_seq: is_first ? (loaded.get(id)?.last_seq ?? 0) : undefined,
    }
  })

/** Which command of which ask each event carries out, in the order of the events. */
const ownersOf = ({ planned }: Plan): { readonly ask: Ask; readonly index: number }[] =>
  planned.flatMap(({ tag, ask }) => {
    if (tag === 'refused') return []
    if (tag === 'declined') return [{ ask, index: 0 }]
    return ask.commands.flatMap((command, index) =>
      Array.from({ length: messagesOfCommand(command) }, () => ({ ask, index })),
    )
  })

/** The asks whose events cannot be sent, each with its own failure: the others of the batch have no part in it. */
export const failuresOf = (plan: Plan, faults: readonly MessageFault[]): Map<Ask, Failure> => {
  const owners = ownersOf(plan)
  const failures = new Map<Ask, Failure>()
  for (const fault of faults) {
    const owner = owners[fault.index]
    if (owner === undefined || failures.has(owner.ask)) continue
    const { ask, index } = owner
    const message = `it cannot be written as an event: ${fault.message}`
    const details = { transaction_id: ask.commands[index]?.transaction_id, message }
    failures.set(
      ask,
      failed(
        fault.kind === 'too large' ? 'PAYLOAD_TOO_LARGE' : 'INVALID_REQUEST',
        ask.commands.length === 1 ? details : { ...details, index },
      ),
    )
  }
  return failures
}

/** The accounts as a stored batch left them, when its last message has sequence `last_seq`. */
export const loadedAfter = ({ events }: Plan, last_seq: number): Map<ClientId, Loaded> => {
  const first_seq = last_seq - events.length + 1
  const loaded = new Map<ClientId, Loaded>()
  events.forEach(({ id, after: { balance, version } }, index) => {
    const seq = first_seq + index
    loaded.set(id, { customer: { account: { balance, version, seq } }, last_seq: seq })
  })
  return loaded
}

/** The customers that a refusal rests on: a group's also on those of the commands that it accepted before. */
export const groundsOf = ({ ask: { commands }, refusal, index }: Refused): readonly ClientId[] =>
  commands.length === 1
    ? [refusal.client_id]
    : commands.slice(0, index + 1).flatMap(command => [...customersOfCommand(command)])

const refusedResult = ({ ask: { commands }, refusal, index }: Refused): AskResult => {
  const { code, client_id, balance, amount } = refusal
  const transaction_id = commands[index]?.transaction_id
  const details = { transaction_id, client_id, balance, amount }
  return failed(code, commands.length === 1 ? details : { ...details, index })
}

/** The result of one planned ask, when the batch is stored and its last message has sequence `last_seq`. */
export const resultOfPlanned = ({ events }: Plan, planned: Planned, last_seq: number): AskResult => {
  if (planned.tag !== 'accepted') return refusedResult(planned)
  const first_seq = last_seq - events.length + 1
  let next = planned.first
  const position = (): Position => {
    const event = events[next]
    if (event === undefined) throw new Error(`the plan ends before event ${next}`)
    const { balance, version } = event.after
    next += 1
    return { client_id: event.id, balance, version, seq: first_seq + next - 1 }
  }
  const replies = planned.ask.commands.map(
    (command): Reply =>
      replyOf(command, command.type === 'transfer' ? [position(), position()] : [position()]),
  )
  return { tag: 'done', replies, replayed: false }
}
