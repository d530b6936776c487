/**
 * The outcome of a command: a reply, or a failure with its code.
 */

import type { Account } from '../ledger/account.js'
import type { AccountId } from '../ledger/account-id.js'
import { type Command, hasTwoLegs } from '../ledger/command.js'
import type { LedgerEvent } from '../ledger/event.js'
import type { ErrorCode } from '../service/catalogue.js'

/** A customer's account right after the command's event on it. */
export type Position = {
  readonly client_id: AccountId
  readonly balance: bigint
  readonly version: number
  readonly seq: number
  /** What may be used of it, and what is held; absent for a plain account. */
  readonly available?: bigint | undefined
  readonly held?: bigint | undefined
}

/** The position of a customer whose account is `account` after the event at `seq`. */
export const positionOf = (client_id: AccountId, account: Account, seq: number): Position => {
  const { balance, version, rules } = account
  return rules === undefined
    ? { client_id, balance, version, seq }
    : { client_id, balance, version, seq, available: balance - rules.held + rules.limit, held: rules.held }
}

/** What the reply to a reversal says beside its positions: what it takes back, and how much of it. */
type ReversalPart = { readonly reverses?: string | undefined; readonly amount?: bigint | undefined }

export type CommandReply = ReversalPart &
  (
    | ({
        readonly transaction_id: string
        /** When the hold of the command expires (RFC 3339). */
        readonly expires_at?: string | undefined
      } & Position)
    | { readonly transaction_id: string; readonly from: Position; readonly to: Position }
  )

export type CommandFailure = {
  readonly tag: 'failed'
  readonly code: ErrorCode
  readonly details: Readonly<Record<string, unknown>>
  readonly cause?: unknown
}

type Done = { readonly tag: 'done'; readonly reply: CommandReply; readonly replayed: boolean }

export type Outcome = Done | CommandFailure

export const failed = (
  code: ErrorCode,
  details: CommandFailure['details'] = {},
  cause?: unknown,
): CommandFailure => ({
  tag: 'failed',
  code,
  details,
  ...(cause === undefined ? {} : { cause }),
})

/** The reply to a command on one account. That of a plain account is written out: it is made for nearly every command. */
const ofOne = (transaction_id: string, position: Position, expires_at: string | undefined): CommandReply => {
  const { client_id, balance, version, seq, available } = position
  if (expires_at !== undefined) return { transaction_id, ...position, expires_at }
  return available === undefined
    ? { transaction_id, client_id, balance, version, seq }
    : { transaction_id, ...position }
}

/** The reply to a command from the positions of its customers, in the command's own order. */
export const replyOf = (
  command: Command,
  [first, second]: readonly Position[],
  expires_at?: string,
): CommandReply => {
  const { transaction_id } = command
  const has_two = hasTwoLegs(command)
  if (first === undefined || (has_two && second === undefined)) {
    throw new Error(`the command ${transaction_id} has no position to reply with`)
  }
  const reply: CommandReply =
    has_two && second !== undefined
      ? { transaction_id, from: first, to: second }
      : ofOne(transaction_id, first, expires_at)
  return command.type === 'reversal'
    ? { ...reply, reverses: command.reverses, amount: command.amount }
    : reply
}

/** The time at which the hold of an event expires, as a reply tells it; undefined for an event that makes no hold. */
export const expiryOf = (event: LedgerEvent): string | undefined =>
  event.type === 'hold' ? new Date(event.expires_ms).toISOString() : undefined

/** The same outcome, as the answer to a repetition. */
export const replayed = (outcome: Outcome): Outcome =>
  outcome.tag === 'done'
    ? { ...outcome, replayed: true }
    : { ...outcome, details: { ...outcome.details, replayed: true } }
