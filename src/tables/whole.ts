/**
 * The codec of whole numbers in DynamoDB's items.
 */

import { t } from '../fp.js'

/** Decodes a DynamoDB number (a `bigint` of the document client) from 0 to 2^53-1 into a JavaScript number. */
export const whole = new t.Type<number, bigint, unknown>(
  'whole number',
  (u): u is number => typeof u === 'number',
  (u, context) =>
    typeof u === 'bigint' && u >= 0n && u <= Number.MAX_SAFE_INTEGER
      ? t.success(Number(u))
      : t.failure(u, context),
  BigInt,
)
