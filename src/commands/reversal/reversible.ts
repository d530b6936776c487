/**
 * Judges whether a stored transaction can be reversed, and what its reversal moves.
 */

import { E, type Either } from '../../fp.js'
import type { LedgerEvent } from '../../ledger/event.js'
import type { Reversible } from '../../ledger/reversal.js'
import type { CommandDeps } from '../deps.js'
import { commandOf, countedOf, type StoredTransaction } from '../idempotency/stored-transaction.js'

/** What is wrong with an event by itself; undefined when it moved money if the fold counted it. */
const problemOf = (event: LedgerEvent): string | undefined => {
  if (event.type === 'declined') return 'it was refused, and moved no money'
  if (event.reverses !== undefined) return `it is itself a reversal, of ${event.reverses}`
  if (event.type !== 'credit' && event.type !== 'debit') return `it is a ${event.type}, which moves no money`
  if (event.type === 'credit' && event.transfer !== undefined)
    return 'it is the second event of a transfer, which is reversed by the transaction id of the transfer'
  return undefined
}

/** The transaction as its reversal needs it; left says why it cannot be reversed. */
export const reversibleOf = async (
  deps: CommandDeps,
  transaction_id: string,
  known: StoredTransaction,
): Promise<Either<string, Reversible>> => {
  const { id, event } = known
  const problem = problemOf(event)
  if (problem !== undefined) return E.left(problem)
  const command = commandOf(known, transaction_id)
  if (command === undefined || event.amount === undefined || event.type === 'declined')
    return E.left('it moved no money')
  switch (await countedOf(deps, command, known)) {
    case 'half':
      return E.left('it is the first event of a transfer whose second event is not there')
    case 'none':
    case 'some':
      return E.left('the ledger rejected it (a dead letter), or a part of it')
    case 'all': {
      const { amount } = event
      if (event.type === 'credit')
        return E.right({ transaction_id, amount, direction: 'debit', client_id: id })
      const to = event.transfer?.counterparty
      return to === undefined
        ? E.right({ transaction_id, amount, direction: 'credit', client_id: id })
        : E.right({ transaction_id, amount, direction: 'debit', client_id: to, to: id })
    }
  }
}
