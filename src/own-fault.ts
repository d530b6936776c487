/**
 * Tells a fault of this program from trouble outside: what JavaScript itself throws is a bug of ours, while the clients of
 * NATS and DynamoDB have errors of their own. To try again does not help against a bug.
 */

const CAUSES_MAX = 10

const isThrownByLanguage = (thrown: unknown): boolean =>
  thrown instanceof TypeError || thrown instanceof RangeError || thrown instanceof ReferenceError

/** Whether a fault of this program is what was thrown, or the cause of it. */
export const isOwnFault = (thrown: unknown): boolean => {
  let cause = thrown
  for (let depth = 0; depth < CAUSES_MAX && cause instanceof Error; depth += 1) {
    if (isThrownByLanguage(cause)) return true
    cause = cause.cause
  }
  return false
}
