/**
 * Counts the texts on the accounts of a person, for whoever is about to erase them.
 */

import type { NatsConnection } from 'nats'
import { type AccountId, eventSubject } from '../ledger/account-id.js'
import { decodeEvent } from '../ledger/event.js'
import { readRange } from '../stream/read.js'
import { LEDGER_STREAM } from '../stream/settings.js'
import { hasTexts, sealedIn } from './form.js'

/** Events with texts. A transfer has the same texts on the other side, under the same keys; these are not counted. */
export type TextCounts = {
  /** Sealed under the key that the person has. */
  readonly sealed: number
  /** Sealed under a key that is there no more. */
  readonly erased: number
  /** As they were written: no key hides them. */
  readonly clear: number
}

/** What stands of the texts of an event on the account; undefined when it has none. */
const kindOf = (id: AccountId, body: Uint8Array, key: string | undefined): keyof TextCounts | undefined => {
  const decoded = decodeEvent(body, id)
  if (decoded.tag !== 'event' || !hasTexts(decoded.event)) return undefined
  const { reference, metadata } = decoded.event
  const sealed = reference === undefined ? sealedIn(metadata) : undefined
  if (sealed === undefined) return 'clear'
  return key !== undefined && sealed.keys.includes(key) ? 'sealed' : 'erased'
}

/** Counts the events with texts up to `to_seq`; `key` is the name of the person's key, if there is one. */
export const countTexts = async (
  nc: NatsConnection,
  accounts: readonly AccountId[],
  key: string | undefined,
  to_seq: number,
): Promise<TextCounts> => {
  const counts = { sealed: 0, erased: 0, clear: 0 }
  for (const id of accounts) {
    const range = { stream: LEDGER_STREAM, subject: eventSubject(id), from_seq: 1, to_seq }
    for await (const { body } of readRange(nc, range)) {
      const kind = kindOf(id, body, key)
      if (kind !== undefined) counts[kind] += 1
    }
  }
  return counts
}
