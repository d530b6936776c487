/**
 * Reads the decisions about parked events from a customer's subject.
 */

import { type AccountId, eventSubject } from '../ledger/account-id.js'
import { decodeEvent } from '../ledger/event.js'
import type { Skip, Skips } from '../ledger/skip.js'
import { readRange } from '../stream/read.js'
import { LEDGER_STREAM } from '../stream/settings.js'
import type { Target } from './target.js'

/**
 * Returns the decisions from `from_seq` to `to_seq`, by the sequence of the event that each is about. A decision
 * counts only when it comes after its event. Throws what reading the stream throws.
 */
export const readSkips = async (
  { nc, decode = decodeEvent }: Pick<Target, 'nc' | 'decode'>,
  id: AccountId,
  from_seq: number,
  to_seq: number,
): Promise<Skips> => {
  const skips = new Map<number, Skip>()
  const range = { stream: LEDGER_STREAM, subject: eventSubject(id), from_seq, to_seq }
  for await (const { seq, body } of readRange(nc, range)) {
    const decoded = decode(body, id)
    if (decoded.tag === 'skip' && decoded.skip.seq < seq) skips.set(decoded.skip.seq, decoded.skip)
  }
  return skips
}
