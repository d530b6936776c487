/**
 * Turns the errors of a replay into sentences for the person who started it.
 */

import { Failed } from '../fp.js'
import { Failure } from '../process/failure.js'
import { ReplayError } from '../projections/rebuild/replay-error.js'

/**
 * The `Failure` for an error that is to be expected of a replay: it is printed as one sentence. Any other exception is a
 * bug and stays as it is, so that it is printed with its stack trace.
 */
export const asFailure = (thrown: unknown, signal: AbortSignal): unknown => {
  if (signal.aborted)
    return new Failure('stopped; the next replay goes on from the last checkpoint (--cancel drops it)')
  const is_expected = thrown instanceof ReplayError || thrown instanceof Failed
  return is_expected ? new Failure(thrown.message, { cause: thrown }) : thrown
}
