/**
 * Finds what has to be known to reverse a transaction: the transaction itself, and everything that is stored under the ids
 * of its reversals.
 *
 * What is found is never believed to be all because it was not found: the numbers are read up to the first one that no event
 * has, which the filter of all ids says for certain (idempotency/known-ids.ts). That matters for an event that has one of the
 * ids and was rejected by the fold. The journal does not have it, so once it is old it cannot be found, and the reversals
 * after it must be. Ids of the last moments the stream itself refuses.
 */

import { E, type Either } from '../../fp.js'
import { REVERSALS_MAX } from '../../ledger/event-body.js'
import type { Numbered, Reversible } from '../../ledger/reversal.js'
import { idOfReversal } from '../../ledger/reverse-command.js'
import { createLru } from '../../lru.js'
import { forgetWhenSetBack } from '../../stream/set-back.js'
import type { CommandDeps } from '../deps.js'
import { findEverywhere } from '../idempotency/find-everywhere.js'
import type { JournalLookup } from '../idempotency/journal-lookup.js'
import { commandOf, countedOf, type StoredTransaction } from '../idempotency/stored-transaction.js'
import { type CommandFailure, failed } from '../outcome.js'
import { reversibleOf } from './reversible.js'

/** A transaction, and what has the numbers of its reversals, in their order. */
export type Original = { readonly original: Reversible; readonly numbered: readonly Numbered[] }

export type FindOriginal = (transaction_id: string) => Promise<Either<CommandFailure, Original>>

const ORIGINALS_MAX = 10_000
/** The most events that are read from the stream for one id: more of them means that a projection is far behind. */
const EVENTS_MAX = 200_000

/** What a stored event under the id of a reversal of `original` took back; 0 when it is no such reversal, or did not count. */
const amountOf = async (
  deps: CommandDeps,
  { transaction_id }: Reversible,
  id: string,
  known: StoredTransaction,
): Promise<bigint> => {
  const { event } = known
  if (event.reverses !== transaction_id || event.type === 'declined') return 0n
  const command = commandOf(known, id)
  if (command?.type !== 'reversal') return 0n
  return (await countedOf(deps, command, known)) === 'none' ? 0n : command.amount
}

const numberedOf = async (
  deps: CommandDeps,
  original: Reversible,
  number: number,
  known: StoredTransaction,
): Promise<Numbered> => {
  const { event } = known
  const amount = await amountOf(deps, original, idOfReversal(original.transaction_id, number), known)
  const is_own = event.reverses === original.transaction_id
  return {
    number,
    amount,
    asked: is_own ? event.amount : undefined,
    reversal_id: is_own ? event.reversal_id : undefined,
  }
}

/** Reads on from what is known up to the first number that no event has. Rejects when that is not certain. */
const readOn = async (
  deps: CommandDeps,
  journal: JournalLookup | undefined,
  { original, numbered }: Original,
): Promise<Original> => {
  const found = [...numbered]
  for (let number = (found.at(-1)?.number ?? 0) + 1; number <= REVERSALS_MAX; number += 1) {
    const id = idOfReversal(original.transaction_id, number)
    const { known, is_new, is_filtered } = await findEverywhere(deps, id, journal, EVENTS_MAX)
    if (is_new) break
    if (known !== undefined) found.push(await numberedOf(deps, original, number, known))
    else if (!is_filtered) throw new Error(`whether ${id} is stored is not certain at the moment`)
  }
  return { original, numbered: found }
}

const NOT_FOUND = 'the ledger holds no such transaction'

/**
 * Finds originals; what is found is remembered, since no event changes. Rejects while something is not certain: without a
 * journal that is so for every transaction that can be reversed.
 */
export const createOriginalFinder = (deps: CommandDeps, journal: JournalLookup | undefined): FindOriginal => {
  const memory = forgetWhenSetBack(deps.nc, createLru<string, Original>(ORIGINALS_MAX))

  const load = async (transaction_id: string): Promise<Either<CommandFailure, Original>> => {
    const { known } = await findEverywhere(deps, transaction_id, journal, EVENTS_MAX)
    if (known === undefined) return E.left(failed('NOT_FOUND', { message: NOT_FOUND }))
    const original = await reversibleOf(deps, transaction_id, known)
    return E.isLeft(original)
      ? E.left(failed('NOT_REVERSIBLE', { message: original.left }))
      : E.right({ original: original.right, numbered: [] })
  }

  return async transaction_id => {
    const remembered = memory.get(transaction_id)
    const begun = remembered === undefined ? await load(transaction_id) : E.right(remembered)
    if (E.isLeft(begun)) return begun
    const read = await readOn(deps, journal, begun.right)
    memory.set(transaction_id, read)
    return E.right(read)
  }
}
