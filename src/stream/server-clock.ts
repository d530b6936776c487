/**
 * Estimates the time by the stream's clock, which stamps every event: nobody else's clock decides when a hold expires
 * (docs/adr/0051-accounts.md).
 *
 * Each proof of leadership brings the leader's time at a moment between question and answer. This process counts on from
 * there with its own monotonic clock.
 */

import type { NatsConnection } from 'nats'
import { leadershipOf } from './leadership.js'

/** A worse estimate is none. */
const ERROR_MS_MAX = 10_000
/** The monotonic clocks of two machines run apart by less than this part of the time. */
const DRIFT = 1 / 1_000

/**
 * The time by the stream's clock; undefined while it is known to 10 s only or worse. Then a proof is asked for, so that a
 * later call knows it.
 */
export const serverNow = (nc: NatsConnection): Date | undefined => {
  const leadership = leadershipOf(nc)
  const proof = leadership.newest()
  const now_ms = performance.now()
  if (proof !== undefined) {
    const { server_time, asked_ms, answered_ms } = proof
    const error_ms = (answered_ms - asked_ms) / 2 + (now_ms - answered_ms) * DRIFT
    if (error_ms <= ERROR_MS_MAX)
      return new Date(server_time.getTime() + now_ms - (asked_ms + answered_ms) / 2)
  }
  void leadership.prove()()
  return undefined
}
