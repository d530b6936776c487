/**
 * Counts what the NATS user of this process tried and may not do, and logs it with its subject: a right is missing, or
 * somebody tries to use the process for what it must not do.
 */

import type { errors } from 'nats'
import type { Logger } from 'pino'
import { createLru } from '../lru.js'
import { metrics } from '../metrics.js'

/** Each subject is logged at most this often: a missing right may be needed thousands of times a second. */
const LOG_EVERY_MS = 60_000
/** When more subjects than this are refused within a minute, some are forgotten and may be logged again. */
const SUBJECTS_MAX = 200

const violations = metrics.counter(
  'jetledger_permission_violations_total',
  'Subjects that NATS refused to let this process use, by operation (publish, subscription)',
)

type Violation = Pick<
  InstanceType<typeof errors.PermissionViolationError>,
  'operation' | 'subject' | 'queue' | 'message'
>

export type Violations = (violation: Violation) => void

/** Makes the function that counts and logs a violation; `now_ms` is a clock that never goes back. */
export const createViolations = (log: Pick<Logger, 'error'>, now_ms: () => number): Violations => {
  const logged = createLru<string, { readonly at_ms: number; unlogged: number }>(SUBJECTS_MAX)
  return ({ operation, subject, queue, message }) => {
    violations.inc({ operation })
    const key = `${operation} ${subject} ${queue ?? ''}`
    const last = logged.get(key)
    if (last !== undefined && now_ms() - last.at_ms < LOG_EVERY_MS) {
      last.unlogged += 1
      return
    }
    logged.set(key, { at_ms: now_ms(), unlogged: 0 })
    log.error(
      {
        metric: 'permission_violation',
        operation,
        subject,
        queue,
        times: (last?.unlogged ?? 0) + 1,
        reason: message,
      },
      'the NATS user of this process may not use this subject',
    )
  }
}
