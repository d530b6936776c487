/**
 * `decide`, which turns a command into events or a refusal. It judges with `apply`, as every fold will.
 */

import { E, type Either } from '../fp.js'
import type { Account, Rejection } from './account.js'
import type { AccountId } from './account-id.js'
import type { Amount } from './amount.js'
import { apply } from './apply.js'
import {
  type Command,
  creditLegId,
  customersOfCommand,
  type PlainCommand,
  receiverOf,
  type Transfer,
} from './command.js'
import type { LedgerEvent } from './event.js'
import type { Declination, MoneyEvent } from './event-body.js'
import type { Reversal } from './reverse-command.js'
import {
  type CaptureCommand,
  HOLD_S,
  type HoldCommand,
  type ReleaseCommand,
  type RuleCommand,
} from './rule-command.js'
import { NO_RULES, rulesAt } from './rules.js'

/** One event on one customer's subject, and the account after it (its `seq` is not known before it is stored). */
export type Leg = { readonly id: AccountId; readonly event: LedgerEvent; readonly after: Account }

export type Refusal = Rejection & { readonly client_id: AccountId }

/** Makes an event with all its fields in one order: the JavaScript engine is fast with objects of one shape. */
const eventOf = (
  type: MoneyEvent['type'],
  { amount, reference, metadata }: PlainCommand,
  transaction_id: string,
  counterparty: AccountId | undefined,
): LedgerEvent => ({
  type,
  amount,
  transaction_id,
  transfer: counterparty === undefined ? undefined : { counterparty },
  reference,
  metadata,
  after: undefined,
})

/** The time at which commands are decided is not known well enough for an account that depends on it. */
export class TimeUnknown extends Error {
  override readonly name = 'TimeUnknown'
}

/** Whether an event gives an account something that depends on time. */
const makesTimed = (event: LedgerEvent): boolean =>
  event.type === 'hold' || (event.type === 'state' && event.until_ms !== undefined)

const NO_TIME = new Date(0)

/**
 * The event on the account at the time `now` of the stream's clock. An account with rules has that time in each of its
 * events, so that its fold judges at the same moment as this decision. An account whose rules do not depend on time has it
 * too: a program of before schema 2 does not know the field, so it never takes what such an event states for all that there
 * is to know of the account (docs/adr/0051). Throws `TimeUnknown`.
 */
export const leg = (
  id: AccountId,
  account: Account,
  event: LedgerEvent,
  now: Date | undefined,
): Either<Refusal, Leg> => {
  if (account.rules !== undefined || makesTimed(event)) {
    if (now === undefined) throw new TimeUnknown(`the stream's time is not known, and ${id} needs it`)
    event.at_ms = now.getTime()
  }
  // a plain account has no rule that depends on the event's time
  const applied = apply(account, event, { seq: account.seq, at: now ?? NO_TIME })
  if (E.isLeft(applied)) return E.left({ ...applied.left, client_id: id })
  const after = applied.right
  event.after = after
  return E.right({ id, event, after })
}

const transfer = (
  command: Transfer,
  accountOf: (id: AccountId) => Account,
  now: Date | undefined,
): Either<Refusal, readonly Leg[]> => {
  const { from, to, transaction_id } = command
  const debit = leg(from, accountOf(from), eventOf('debit', command, transaction_id, to), now)
  if (E.isLeft(debit)) return debit
  const credit = leg(to, accountOf(to), eventOf('credit', command, creditLegId(transaction_id), from), now)
  return E.isLeft(credit) ? credit : E.right([debit.right, credit.right])
}

/** The fields that all events of a command share. */
const sharedFields = ({ transaction_id, reference, metadata }: Command) => ({
  transaction_id,
  ...(reference === undefined ? {} : { reference }),
  ...(metadata === undefined ? {} : { metadata }),
})

const MS_PER_S = 1_000

const hold = (command: HoldCommand, account: Account, now: Date): Either<Refusal, readonly Leg[]> => {
  const { client_id, amount, expires_ms, expires_in_s = HOLD_S } = command
  const expires = expires_ms ?? now.getTime() + expires_in_s * MS_PER_S
  // an event of that kind would count, and hold nothing
  if (expires <= timeOfAccount(account, now))
    return E.left({ code: 'HOLD_NOT_OPEN', client_id, balance: account.balance, amount })
  const event: LedgerEvent = { type: 'hold', amount, ...sharedFields(command), expires_ms: expires }
  return only(leg(client_id, account, event, now))
}

const timeOfAccount = ({ rules }: Account, now: Date): number => Math.max(rules?.time_ms ?? 0, now.getTime())

/** What remains of a hold; undefined when it is not open. */
const remainingOf = (account: Account, id: string, now: Date): Amount | undefined =>
  rulesAt(account.rules ?? NO_RULES, now.getTime()).holds.find(each => each.id === id)?.amount as
    | Amount
    | undefined

const only = (one: Either<Refusal, Leg>): Either<Refusal, readonly Leg[]> =>
  E.isLeft(one) ? one : E.right([one.right])

/** An amount for a capture of all of a hold that is not open. The law refuses it, and the refusal does not have it. */
const NOTHING_LEFT = 1n as Amount

/** The refusal of a command that brought no amount does not say one. */
const withoutAmount = (refused: Either<Refusal, Leg>): Either<Refusal, Leg> => {
  if (!E.isLeft(refused)) return refused
  const { amount: _, ...others } = refused.left
  return E.left(others)
}

const capture = (
  command: CaptureCommand,
  accountOf: (id: AccountId) => Account,
  now: Date,
): Either<Refusal, readonly Leg[]> => {
  const { client_id, hold: id, to, final = true, transaction_id } = command
  const account = accountOf(client_id)
  const remaining = command.amount ?? remainingOf(account, id, now)
  const amount = remaining ?? NOTHING_LEFT
  const event: LedgerEvent = {
    type: 'debit',
    amount,
    ...sharedFields(command),
    hold: id,
    final,
    ...(to === undefined ? {} : { transfer: { counterparty: to } }),
  }
  const debit = leg(client_id, account, event, now)
  if (remaining === undefined) return only(withoutAmount(debit))
  if (E.isLeft(debit) || to === undefined) return only(debit)
  const received: LedgerEvent = {
    type: 'credit',
    amount,
    ...sharedFields(command),
    transaction_id: creditLegId(transaction_id),
    transfer: { counterparty: client_id },
  }
  const credit = leg(to, accountOf(to), received, now)
  return E.isLeft(credit) ? credit : E.right([debit.right, credit.right])
}

const release = (command: ReleaseCommand, account: Account, now: Date): Either<Refusal, readonly Leg[]> => {
  const { client_id, hold: id } = command
  const amount = command.amount ?? remainingOf(account, id, now)
  const given = amount === undefined ? {} : { amount }
  return only(leg(client_id, account, { type: 'release', hold: id, ...given, ...sharedFields(command) }, now))
}

/** The opposite of what the transaction moved: of a transfer both events, or none. */
const reversal = (
  command: Reversal,
  accountOf: (id: AccountId) => Account,
  now: Date | undefined,
): Either<Refusal, readonly Leg[]> => {
  const { direction, client_id, to, amount, remaining, transaction_id, reverses, reversal_id } = command
  if (remaining !== undefined) {
    const { balance } = accountOf(client_id)
    return E.left({ code: 'REVERSAL_EXCEEDED', client_id, balance, amount, remaining })
  }
  const content = { amount, ...sharedFields(command), reverses, reversal_id }
  const transfer = to === undefined ? {} : { transfer: { counterparty: to } }
  const first = leg(client_id, accountOf(client_id), { type: direction, ...content, ...transfer }, now)
  if (E.isLeft(first) || to === undefined) return only(first)
  const received: LedgerEvent = {
    type: 'credit',
    ...content,
    transaction_id: creditLegId(transaction_id),
    transfer: { counterparty: client_id },
  }
  const credit = leg(to, accountOf(to), received, now)
  return E.isLeft(credit) ? credit : E.right([first.right, credit.right])
}

const decideRules = (
  command: RuleCommand,
  accountOf: (id: AccountId) => Account,
  now: Date,
): Either<Refusal, readonly Leg[]> => {
  const { client_id } = command
  switch (command.type) {
    case 'hold':
      return hold(command, accountOf(client_id), now)
    case 'capture':
      return capture(command, accountOf, now)
    case 'release':
      return release(command, accountOf(client_id), now)
    case 'limit': {
      const event: LedgerEvent = { type: 'limit', limit: command.limit, ...sharedFields(command) }
      return only(leg(client_id, accountOf(client_id), event, now))
    }
    case 'restrict': {
      const { state, reason, until_ms } = command
      const until = until_ms === undefined ? {} : { until_ms }
      const event: LedgerEvent = { type: 'state', state, reason, ...until, ...sharedFields(command) }
      return only(leg(client_id, accountOf(client_id), event, now))
    }
  }
}

/**
 * Decides a command on the accounts that `accountOf` gives: its events in the order in which to store them, or a refusal.
 * `now` is the time by the stream's clock; undefined when it is not known: then a command that depends on it throws
 * `TimeUnknown`.
 */
export const decide = (
  command: Command,
  accountOf: (id: AccountId) => Account,
  now?: Date,
): Either<Refusal, readonly Leg[]> => {
  switch (command.type) {
    case 'transfer':
      return transfer(command, accountOf, now)
    case 'credit':
    case 'debit': {
      const { type, client_id, transaction_id } = command
      return only(
        leg(client_id, accountOf(client_id), eventOf(type, command, transaction_id, undefined), now),
      )
    }
    case 'reversal':
      return reversal(command, accountOf, now)
    default:
      if (now === undefined) throw new TimeUnknown("the time by the stream's clock is not known")
      return decideRules(command, accountOf, now)
  }
}

/** The fields of a command that its refusal has to keep, so that a retry is known to be the same command. */
const requestFields = (command: Command): Partial<Declination> => {
  switch (command.type) {
    case 'hold':
      return command.expires_ms === undefined ? {} : { expires_ms: command.expires_ms }
    case 'capture':
      return { hold: command.hold, final: command.final ?? true }
    case 'release':
      return { hold: command.hold }
    case 'limit':
      return { limit: command.limit }
    case 'restrict': {
      const { state, reason, until_ms } = command
      return { state, reason, ...(until_ms === undefined ? {} : { until_ms }) }
    }
    case 'reversal':
      return { reverses: command.reverses, reversal_id: command.reversal_id }
    default:
      return {}
  }
}

/**
 * The event that records a refusal, on the subject of the command's first customer, so that a retry gets it again.
 * `account` is that customer's. Throws `TimeUnknown`.
 */
export const declined = (
  command: Command,
  { amount: _, ...refusal }: Refusal,
  account: Account,
  now?: Date,
): Leg => {
  const [id] = customersOfCommand(command)
  const to = receiverOf(command)
  const { amount } = command
  const event: Declination = {
    type: 'declined',
    ...(amount === undefined ? {} : { amount }),
    ...sharedFields(command),
    ...requestFields(command),
    ...(to === undefined ? {} : { transfer: { counterparty: to } }),
    declined: { command: command.type === 'reversal' ? 'reverse' : command.type, ...refusal },
  }
  const recorded = leg(id, account, event, now)
  // no rule refuses the record of a refusal
  if (E.isLeft(recorded)) throw new Error(`the record of a refusal was refused: ${recorded.left.code}`)
  return recorded.right
}
