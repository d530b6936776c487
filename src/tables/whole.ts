/**
 * Whole numbers of DynamoDB.
 */

import { t } from '../fp.js'

/** A whole number that DynamoDB has as an N, and JavaScript can have as a number. */
export const whole = new t.Type<number, bigint, unknown>(
  'whole number',
  (u): u is number => typeof u === 'number',
  (u, context) =>
    typeof u === 'bigint' && u >= 0n && u <= Number.MAX_SAFE_INTEGER
      ? t.success(Number(u))
      : t.failure(u, context),
  BigInt,
)
