/**
 * Tells a bug of this program from trouble outside. An error that JavaScript itself throws (a TypeError, for example) is a
 * bug of ours; the clients of NATS and DynamoDB throw errors of their own. A bug does not go away by trying again.
 */

const CAUSES_MAX = 10

const isThrownByLanguage = (thrown: unknown): boolean =>
  thrown instanceof TypeError || thrown instanceof RangeError || thrown instanceof ReferenceError

/** Whether `thrown`, or one of its causes, is a bug of this program. */
export const isOwnFault = (thrown: unknown): boolean => {
  let cause = thrown
  for (let depth = 0; depth < CAUSES_MAX && cause instanceof Error; depth += 1) {
    if (isThrownByLanguage(cause)) return true
    cause = cause.cause
  }
  return false
}
