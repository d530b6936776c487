/**
 * The header `Idempotency-Key`: the transaction id of a write.
 *
 * The IETF draft writes it as a quoted string, most callers send it bare: both are the same key.
 */

import type { IncomingHttpHeaders } from 'node:http'
import { E, type Either } from '../fp.js'
import { TRANSACTION_ID } from './schema.js'

const QUOTED = /^"((?:[^"\\]|\\["\\])*)"$/
const VALID = new RegExp(TRANSACTION_ID.pattern ?? '')

/** The key, or undefined when there is none; left says what is wrong with it. */
export const idempotencyKey = (headers: IncomingHttpHeaders): Either<string, string | undefined> => {
  const value = headers['idempotency-key']
  if (value === undefined) return E.right(undefined)
  const text = String(value)
  const key = QUOTED.exec(text)?.[1]?.replace(/\\(["\\])/g, '$1') ?? text
  return VALID.test(key) ? E.right(key) : E.left(`Idempotency-Key: ${TRANSACTION_ID.description}`)
}
