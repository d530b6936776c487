/**
 * Decides a command: the events that carry it out, or why it is refused. Pure; the fold's own `apply` is the judge.
 */

import { E, type Either } from '../fp.js'
import { type Account, apply, type Rejection } from './account.js'
import type { ClientId } from './client-id.js'
import type { Command, Transfer } from './command.js'
import { type LedgerEvent, SECOND_LEG } from './event.js'

/** One event on one customer's subject, and the account after it (its `seq` is not known before it is stored). */
export type Leg = { readonly id: ClientId; readonly event: LedgerEvent; readonly after: Account }

export type Refusal = Rejection & { readonly client_id: ClientId }

/** The `Nats-Msg-Id` of a transfer's second event; the first one carries the transaction id itself. */
export const creditLegId = (transaction_id: string): string => transaction_id + SECOND_LEG

const optional = ({ reference, metadata }: Command) =>
  reference === undefined && metadata === undefined
    ? undefined
    : { ...(reference === undefined ? {} : { reference }), ...(metadata === undefined ? {} : { metadata }) }

const leg = (id: ClientId, account: Account, event: LedgerEvent): Either<Refusal, Leg> => {
  const applied = apply(account, event, account.seq)
  if (E.isLeft(applied)) return E.left({ ...applied.left, client_id: id })
  const after = applied.right
  const { balance, version } = after
  return E.right({ id, event: { ...event, after: { balance, version } }, after })
}

const transfer = (
  command: Transfer,
  accountOf: (id: ClientId) => Account,
): Either<Refusal, readonly Leg[]> => {
  const { from, to, amount, transaction_id } = command
  const shared = optional(command)
  const debit = leg(from, accountOf(from), {
    type: 'debit',
    amount,
    transaction_id,
    transfer: { counterparty: to },
    ...shared,
  })
  if (E.isLeft(debit)) return debit
  const credit = leg(to, accountOf(to), {
    type: 'credit',
    amount,
    transaction_id: creditLegId(transaction_id),
    transfer: { counterparty: from },
    ...shared,
  })
  return E.isLeft(credit) ? credit : E.right([debit.right, credit.right])
}

/** The events of an accepted command, in the order in which they have to be stored. */
export const decide = (
  command: Command,
  accountOf: (id: ClientId) => Account,
): Either<Refusal, readonly Leg[]> => {
  if (command.type === 'transfer') return transfer(command, accountOf)
  const { type, client_id, amount, transaction_id } = command
  const event: LedgerEvent = { type, amount, transaction_id, ...optional(command) }
  const only = leg(client_id, accountOf(client_id), event)
  return E.isLeft(only) ? only : E.right([only.right])
}

/** The event that freezes a refusal, on the subject of the command's first customer. */
export const declined = (command: Command, { code, client_id, balance }: Refusal): LedgerEvent => ({
  type: 'declined',
  amount: command.amount,
  transaction_id: command.transaction_id,
  ...optional(command),
  ...(command.type === 'transfer' ? { transfer: { counterparty: command.to } } : {}),
  declined: { command: command.type, code, client_id, balance },
})
