/** Failures of reversals in the words of the request. */

import { isRejectionCode } from '../../ledger/account.js'
import type { ReverseRequest } from '../../ledger/reverse-command.js'
import type { CommandFailure } from '../outcome.js'

/**
 * A failure in the words of the request: its caller knows the transaction, and its own id of the reversal. The id of the
 * reversal itself is named where a refusal is recorded under it.
 */
export const inWords = (
  failure: CommandFailure,
  { reverses, transaction_id: reversal_id }: ReverseRequest,
  has_record: boolean,
): CommandFailure => {
  const { transaction_id, ...details } = failure.details
  const is_recorded = has_record && isRejectionCode(failure.code) && transaction_id !== undefined
  return {
    ...failure,
    details: { ...(is_recorded ? { transaction_id } : {}), reverses, reversal_id, ...details },
  }
}
