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

/** The time by the stream's clock is at most `error_ms` before or after `now_ms`. */
type Estimate = { readonly now_ms: number; readonly error_ms: number }

/** The estimate; undefined while it is 10 s off or worse. Then a proof is asked for, so that a later call has one. */
const estimateOf = (nc: NatsConnection): Estimate | undefined => {
  const leadership = leadershipOf(nc)
  const proof = leadership.newest()
  const clock_ms = performance.now()
  if (proof !== undefined) {
    const { server_time, asked_ms, answered_ms } = proof
    const error_ms = (answered_ms - asked_ms) / 2 + (clock_ms - answered_ms) * DRIFT
    if (error_ms <= ERROR_MS_MAX)
      return { now_ms: server_time.getTime() + clock_ms - (asked_ms + answered_ms) / 2, error_ms }
  }
  void leadership.prove()()
  return undefined
}

/**
 * The time by the stream's clock; undefined while it is known to 10 s only or worse. Then a proof is asked for, so that a
 * later call knows it.
 */
export const serverNow = (nc: NatsConnection): Date | undefined => {
  const estimate = estimateOf(nc)
  return estimate === undefined ? undefined : new Date(estimate.now_ms)
}

/**
 * The newest time that is certainly over by the stream's clock: what happens at it can change nothing that is still to come.
 * Undefined when `serverNow` is.
 */
export const timeCertainlyOver = (nc: NatsConnection): Date | undefined => {
  const estimate = estimateOf(nc)
  return estimate === undefined ? undefined : new Date(Math.floor(estimate.now_ms - estimate.error_ms))
}
