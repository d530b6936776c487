/** Finds the transaction id in an event's body and hashes it, mostly without decoding the event. */

import { decodeBody } from '../ledger/event.js'
import { findTransactionId } from '../ledger/fast/movement.js'
import { hashBytes, hashText, type IdHash } from './id-hash.js'

/** Writes the hash of the transaction id of an event's body to `into`; false when the event has no id. */
export const hashOfEvent = (body: Uint8Array, into: IdHash): boolean => {
  const place = findTransactionId(body)
  if (place === null) return false
  if (place !== undefined) {
    hashBytes(body, place.from, place.end, into)
    return true
  }
  const decoded = decodeBody(body)
  if (decoded.tag !== 'event' || decoded.event.transaction_id === undefined) return false
  hashText(decoded.event.transaction_id, into)
  return true
}
