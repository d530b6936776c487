/**
 * Plans one batch. The groups are decided in the order of their arrival, each on the accounts as the groups before it left
 * them, and the decisions become the messages of the batch. Pure.
 */

import { E } from '../../fp.js'
import type { Account } from '../../ledger/account.js'
import { type AccountId, eventSubject } from '../../ledger/account-id.js'
import { CALLER_HEADER } from '../../ledger/caller.js'
import { type Command, customersOfCommand, hasTwoLegs } from '../../ledger/command.js'
import { decide, declined, type Refusal } from '../../ledger/decide.js'
import { encodeEvent, type LedgerEvent } from '../../ledger/event.js'
import type { MessageFault } from '../../stream/errors.js'
import type { Folded } from '../../stream/fold-subject.js'
import { BATCH_MESSAGES_MAX, type BatchMessage } from '../../stream/publish.js'
import {
  type CommandFailure,
  type CommandReply,
  expiryOf,
  failed,
  type Position,
  positionOf,
  replyOf,
} from '../outcome.js'
import { failureOf, type Group, type GroupResult } from './group.js'

/** An event of the batch. The first one of each customer carries the sequence that the stream is to check. */
type Event = {
  readonly id: AccountId
  readonly event: LedgerEvent
  readonly after: Account
  readonly is_first: boolean
  /** The caller of its command. */
  readonly by: string | undefined
}

/** A group that is refused because of its command `index`. */
type Refused = { readonly group: Group; readonly refusal: Refusal; readonly index: number }

/** What becomes of one group when the batch is stored. */
export type Planned =
  | { readonly tag: 'accepted'; readonly group: Group; readonly first: number }
  /** An event of the batch records the refusal, so that the same id gets the same answer for ever. */
  | ({ readonly tag: 'declined' } & Refused)
  /**
   * The refusal has no event of its own. It is confirmed when the batch is stored and holds an event of every customer that
   * the refusal rests on; else the stream's leader has to confirm it.
   */
  | ({ readonly tag: 'refused' } & Refused)

export type Plan = {
  readonly events: readonly Event[]
  readonly planned: readonly Planned[]
  /** Asks that threw while they were decided: faults of this program, and of no other group. */
  readonly broken: readonly { readonly group: Group; readonly cause: unknown }[]
  /** Groups that did not fit into the batch. */
  readonly left_over: readonly Group[]
}

/** The number of messages that carry a command out. */
export const messagesOfCommand = (command: Command): number => (hasTwoLegs(command) ? 2 : 1)

const messagesOfGroup = ({ commands }: Group): number => {
  let messages = 0
  for (const command of commands) messages += messagesOfCommand(command)
  return messages
}

/**
 * Plans a batch at the time `now` of the stream's clock; undefined when it is not known: then groups with an account that
 * depends on it are `broken` by `TimeUnknown`.
 */
export const planBatch = (
  groups: readonly Group[],
  loaded: ReadonlyMap<AccountId, Folded>,
  now?: Date,
): Plan => {
  const events: Event[] = []
  const planned: Planned[] = []
  const broken: { group: Group; cause: unknown }[] = []
  const accounts = new Map<AccountId, Account>()

  const accountOf = (id: AccountId): Account => {
    const account = accounts.get(id) ?? loaded.get(id)?.customer.account
    if (account === undefined) throw new Error(`${id} was not loaded before it was decided on`)
    return account
  }

  const add = (id: AccountId, event: LedgerEvent, after: Account, by: string | undefined): void => {
    events.push({ id, event, after, is_first: !accounts.has(id), by })
    accounts.set(id, after)
  }

  /** Takes back the events of a group whose later command was refused. */
  const takeBack = (from: number): void => {
    for (const { id } of events.splice(from)) accounts.delete(id)
    for (const { id, after } of events) accounts.set(id, after)
  }

  /** Adds the events of the group's commands, up to the first command that is refused. */
  const decideAll = (group: Group): Refused | undefined => {
    let index = 0
    for (const command of group.commands) {
      const decision = decide(command, accountOf, now)
      if (E.isLeft(decision)) return { group, refusal: decision.left, index }
      for (const { id, event, after } of decision.right) add(id, event, after, command.by)
      index += 1
    }
    return undefined
  }

  const planOne = (group: Group): Planned => {
    const first = events.length
    const refused = decideAll(group)
    if (refused === undefined) return { tag: 'accepted', group, first }
    if (events.length > first) takeBack(first)
    const [only, ...more] = group.commands
    if (!group.has_given_ids || only === undefined || more.length > 0) return { tag: 'refused', ...refused }
    const [id] = customersOfCommand(only)
    const { event, after } = declined(only, refused.refusal, accountOf(id), now)
    add(id, event, after, only.by)
    return { tag: 'declined', ...refused }
  }

  for (const [index, group] of groups.entries()) {
    const first = events.length
    if (BATCH_MESSAGES_MAX - first < messagesOfGroup(group)) {
      return { events, planned, broken, left_over: groups.slice(index) }
    }
    try {
      planned.push(planOne(group))
    } catch (cause) {
      takeBack(first)
      broken.push({ group, cause })
    }
  }
  return { events, planned, broken, left_over: [] }
}

/** The body of an event of an account. One that cannot be encoded fails its own command only; the other groups go on. */
const bodyOf = (event: LedgerEvent, id: AccountId): Pick<BatchMessage, 'body' | 'not_encodable'> => {
  try {
    return { body: encodeEvent(event, id), not_encodable: undefined }
  } catch (cause) {
    return { body: '', not_encodable: cause instanceof Error ? cause.message : String(cause) }
  }
}

/** The messages of a plan; the first one of each customer expects the sequence that the decision was made at. */
export const messagesOf = ({ events }: Plan, loaded: ReadonlyMap<AccountId, Folded>): BatchMessage[] =>
  events.map(({ id, event, is_first, by }) => {
    const { body, not_encodable } = bodyOf(event, id)
    return {
      subject: eventSubject(id),
      body,
      not_encodable,
      msg_id: event.transaction_id ?? '',
      expected_last_subject_seq: is_first ? (loaded.get(id)?.last_seq ?? 0) : undefined,
      headers: by === undefined ? undefined : { [CALLER_HEADER]: by },
    }
  })

/** For each event of the batch, in order: the group and the index of the command that it carries out. */
const ownersOf = ({ planned }: Plan): { readonly group: Group; readonly index: number }[] =>
  planned.flatMap(({ tag, group }) => {
    if (tag === 'refused') return []
    if (tag === 'declined') return [{ group, index: 0 }]
    return group.commands.flatMap((command, index) =>
      Array.from({ length: messagesOfCommand(command) }, () => ({ group, index })),
    )
  })

/** The groups whose events cannot be sent, each with its failure. The other groups of the batch are not concerned. */
export const failuresOf = (plan: Plan, faults: readonly MessageFault[]): Map<Group, CommandFailure> => {
  const owners = ownersOf(plan)
  const failures = new Map<Group, CommandFailure>()
  for (const fault of faults) {
    const owner = owners[fault.index]
    if (owner === undefined || failures.has(owner.group)) continue
    const { group, index } = owner
    const message = `it cannot be written as an event: ${fault.message}`
    const details = { transaction_id: group.commands[index]?.transaction_id, message }
    failures.set(
      group,
      failed(
        fault.kind === 'too large' ? 'PAYLOAD_TOO_LARGE' : 'INVALID_REQUEST',
        group.commands.length === 1 ? details : { ...details, index },
      ),
    )
  }
  return failures
}

/** The accounts as a stored batch left them, when its last message has sequence `last_seq`. */
export const loadedAfter = ({ events }: Plan, last_seq: number): Map<AccountId, Folded> => {
  const loaded = new Map<AccountId, Folded>()
  // from the end: the last event of an account says how it was left, and a hot account has hundreds
  for (let index = events.length - 1; index >= 0; index -= 1) {
    const { id, after } = events[index] as Event
    if (loaded.has(id)) continue
    const { balance, version, rules } = after
    const seq = last_seq - (events.length - 1 - index)
    const account = rules === undefined ? { balance, version, seq } : { balance, version, seq, rules }
    loaded.set(id, { customer: { account }, last_seq: seq })
  }
  return loaded
}

/** The customers whose accounts a refusal rests on: for a group also those of its commands before the refused one. */
export const groundsOf = ({ group: { commands }, refusal, index }: Refused): readonly AccountId[] =>
  commands.length === 1
    ? [refusal.client_id]
    : commands.slice(0, index + 1).flatMap(command => [...customersOfCommand(command)])

const refusedResult = ({ group: { commands }, refusal, index }: Refused): GroupResult => {
  const { code, client_id, balance, amount, ...more } = refusal
  const transaction_id = commands[index]?.transaction_id
  const details = { transaction_id, client_id, balance, amount, ...more }
  return failed(code, commands.length === 1 ? details : { ...details, index })
}

/** The account of an event of the batch right after it; `first_seq` is the sequence of the batch's first event. */
const positionAt = (events: Plan['events'], index: number, first_seq: number): Position => {
  const event = events[index]
  if (event === undefined) throw new Error(`the plan ends before event ${index}`)
  return positionOf(event.id, event.after, first_seq + index)
}

/** The result of one planned group, when the batch is stored and its last message has sequence `last_seq`. */
export const resultOfPlanned = ({ events }: Plan, planned: Planned, last_seq: number): GroupResult => {
  // no event freezes this refusal, so the instance to which the group was forwarded may accept it yet
  if (planned.tag === 'refused' && planned.group.origin === 'taken back')
    return failureOf(planned.group, planned.refusal.code)
  if (planned.tag !== 'accepted') return refusedResult(planned)
  const first_seq = last_seq - events.length + 1
  const replies: CommandReply[] = []
  let next = planned.first
  for (const command of planned.group.commands) {
    const event = events[next]?.event
    const expires_at = command.type === 'hold' && event !== undefined ? expiryOf(event) : undefined
    const positions: Position[] = []
    for (let left = messagesOfCommand(command); left > 0; left -= 1) {
      positions.push(positionAt(events, next, first_seq))
      next += 1
    }
    replies.push(replyOf(command, positions, expires_at))
  }
  return { tag: 'done', replies, replayed: false }
}
