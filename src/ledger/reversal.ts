/**
 * Gives a reversal its place among all reversals of its transaction (docs/adr/0053-reversals.md). Pure.
 *
 * The reversals of a transaction are numbered, and the stream has one event for each id. So a reversal that is decided on
 * the sum of the numbers before it can be stored only while that sum is right: whoever else was faster has its number.
 */

import type { AccountId } from './account-id.js'
import type { Amount } from './amount.js'
import { REVERSALS_MAX } from './event-body.js'
import { idOfReversal, type Reversal, type ReverseRequest } from './reverse-command.js'

/** A transaction that moved money, as far as its reversal needs it. */
export type Reversible = {
  readonly transaction_id: string
  /** The amount that it moved. */
  readonly amount: Amount
  /** The parts of the reversal's first event, and of its second one. */
  readonly direction: Reversal['direction']
  readonly client_id: AccountId
  readonly to?: AccountId | undefined
}

/** What has one of the numbers. `amount` is 0 for a refusal, and for an event that is no reversal of the transaction. */
export type Numbered = {
  readonly number: number
  readonly amount: bigint
  /** What the request of a refused reversal asked for, or of a stored one. */
  readonly asked: Amount | undefined
  readonly reversal_id: string | undefined
}

/** Refusals take no number beyond this one, so that they use up nothing of what reversals need. */
const REFUSALS_MAX = REVERSALS_MAX / 2

export type Placed =
  /** The number is free; `may_be_recorded`: a refusal may have it. */
  | { readonly tag: 'new'; readonly reversal: Reversal; readonly may_be_recorded: boolean }
  /** A reversal with the request's own id is stored under the number. */
  | { readonly tag: 'known'; readonly reversal: Reversal }
  | { readonly tag: 'refused'; readonly code: 'ALREADY_REVERSED' | 'LIMIT_REACHED' }

const reversalOf = (
  { transaction_id: reverses, direction, client_id, to }: Reversible,
  { transaction_id: reversal_id, reference, metadata, by }: ReverseRequest,
  number: number,
  amount: Amount,
): Reversal => ({
  type: 'reversal',
  transaction_id: idOfReversal(reverses, number),
  reverses,
  reversal_id,
  direction,
  client_id,
  to,
  amount,
  reference,
  metadata,
  by,
})

/** What is left of a transaction after the reversals that have a number. */
const leftOf = ({ amount }: Reversible, numbered: readonly Numbered[]): bigint =>
  numbered.reduce((left, each) => left - each.amount, amount as bigint)

/** The place of a request after everything that has a number already, in the order of the numbers. */
export const place = (
  original: Reversible,
  numbered: readonly Numbered[],
  request: ReverseRequest,
): Placed => {
  const own = numbered.find(({ reversal_id }) => reversal_id === request.transaction_id)
  if (own !== undefined) {
    const amount = request.amount ?? own.asked ?? original.amount
    return { tag: 'known', reversal: reversalOf(original, request, own.number, amount) }
  }
  const left = leftOf(original, numbered)
  if (left <= 0n) return { tag: 'refused', code: 'ALREADY_REVERSED' }
  const number = (numbered.at(-1)?.number ?? 0) + 1
  if (number > REVERSALS_MAX) return { tag: 'refused', code: 'LIMIT_REACHED' }
  const amount = request.amount ?? (left as Amount)
  const may_be_recorded = number <= REFUSALS_MAX
  const reversal = reversalOf(original, request, number, amount)
  if (amount > left) return { tag: 'new', reversal: { ...reversal, remaining: left }, may_be_recorded }
  return { tag: 'new', reversal, may_be_recorded }
}
