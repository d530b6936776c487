/**
 * The outcome of a command: a reply, or a failure with its code.
 */

import type { ClientId } from '../ledger/client-id.js'
import type { Command } from '../ledger/command.js'
import type { ErrorCode } from '../service/catalogue.js'

/** A customer's account right after the command's event on it. */
export type Position = {
  readonly client_id: ClientId
  readonly balance: bigint
  readonly version: number
  readonly seq: number
}

export type CommandReply =
  | ({ readonly transaction_id: string } & Position)
  | { readonly transaction_id: string; readonly from: Position; readonly to: Position }

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

/** The reply to a command from the positions of its customers, in the command's own order. */
export const replyOf = (
  { type, transaction_id }: Command,
  [first, second]: readonly Position[],
): CommandReply => {
  if (first === undefined || (type === 'transfer' && second === undefined)) {
    throw new Error(`the command ${transaction_id} has no position to reply with`)
  }
  return type === 'transfer' && second !== undefined
    ? { transaction_id, from: first, to: second }
    : {
        transaction_id,
        client_id: first.client_id,
        balance: first.balance,
        version: first.version,
        seq: first.seq,
      }
}

/** The same outcome, as the answer to a repetition. */
export const replayed = (outcome: Outcome): Outcome =>
  outcome.tag === 'done'
    ? { ...outcome, replayed: true }
    : { ...outcome, details: { ...outcome.details, replayed: true } }
