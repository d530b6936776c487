/**
 * The header `Idempotency-Key`: the transaction id of a write.
 *
 * The IETF draft writes it as a quoted string, and most callers send it bare: both forms are the same key.
 */

import type { IncomingHttpHeaders } from 'node:http'
import { E, type Either } from '../fp.js'
import { TRANSACTION_ID_CHARS_MAX } from '../ledger/event.js'
import { TRANSACTION_ID } from './schema.js'

const QUOTED = /^"((?:[^"\\]|\\["\\])*)"$/
const VALID = new RegExp(TRANSACTION_ID.pattern ?? '')

/**
 * Reads the key; undefined when there is none, and left says what is wrong with it. `chars_added` is the number of
 * characters that are added to the key to make ids of it: those ids must keep the limit of an id.
 */
export const idempotencyKey = (
  headers: IncomingHttpHeaders,
  chars_added: number,
): Either<string, string | undefined> => {
  const value = headers['idempotency-key']
  if (value === undefined) return E.right(undefined)
  const text = String(value)
  const key = QUOTED.exec(text)?.[1]?.replace(/\\(["\\])/g, '$1') ?? text
  if (!VALID.test(key)) return E.left(`Idempotency-Key: ${TRANSACTION_ID.description}`)
  const chars_max = TRANSACTION_ID_CHARS_MAX - chars_added
  return key.length <= chars_max
    ? E.right(key)
    : E.left(
        `Idempotency-Key: must be at most ${chars_max} characters here, where the ids of commands are made of it`,
      )
}
