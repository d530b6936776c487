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

/** Events have all their fields, in one order: objects of one shape are what the engine of JavaScript is fast with. */
const eventOf = (
  type: LedgerEvent['type'],
  { amount, reference, metadata }: Command,
  transaction_id: string,
  counterparty: ClientId | undefined,
  refused?: LedgerEvent['declined'],
): LedgerEvent => ({
  type,
  amount,
  transaction_id,
  transfer: counterparty === undefined ? undefined : { counterparty },
  reference,
  metadata,
  declined: refused,
  after: undefined,
})

const leg = (id: ClientId, account: Account, event: LedgerEvent): Either<Refusal, Leg> => {
  const applied = apply(account, event, account.seq)
  if (E.isLeft(applied)) return E.left({ ...applied.left, client_id: id })
  const after = applied.right
  event.after = after
  return E.right({ id, event, after })
}

const transfer = (
  command: Transfer,
  accountOf: (id: ClientId) => Account,
): Either<Refusal, readonly Leg[]> => {
  const { from, to, transaction_id } = command
  const debit = leg(from, accountOf(from), eventOf('debit', command, transaction_id, to))
  if (E.isLeft(debit)) return debit
  const credit = leg(to, accountOf(to), eventOf('credit', command, creditLegId(transaction_id), from))
  return E.isLeft(credit) ? credit : E.right([debit.right, credit.right])
}

/** The events of an accepted command, in the order in which they have to be stored. */
export const decide = (
  command: Command,
  accountOf: (id: ClientId) => Account,
): Either<Refusal, readonly Leg[]> => {
  if (command.type === 'transfer') return transfer(command, accountOf)
  const { type, client_id, transaction_id } = command
  const only = leg(client_id, accountOf(client_id), eventOf(type, command, transaction_id, undefined))
  return E.isLeft(only) ? only : E.right([only.right])
}

/** The event that freezes a refusal, on the subject of the command's first customer. */
export const declined = (command: Command, { code, client_id, balance }: Refusal): LedgerEvent =>
  eventOf('declined', command, command.transaction_id, command.type === 'transfer' ? command.to : undefined, {
    command: command.type,
    code,
    client_id,
    balance,
  })
