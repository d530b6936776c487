/**
 * Estimates the time by the stream's clock, which stamps every event: nobody else's clock decides when a hold expires
 * (docs/adr/0051-accounts.md).
 *
 * Each proof of leadership brings the leader's time at a moment between question and answer. This process counts on from
 * there with its own monotonic clock.
 */

import type { NatsConnection } from 'nats'
import { leadershipOf, type Proof } from './leadership.js'

/** A worse estimate is none. */
const ERROR_MS_MAX = 10_000
/** The monotonic clocks of two machines run apart by less than this part of the time. */
const DRIFT = 1 / 1_000

/** The time by the stream's clock is at most `error_ms` before or after `now_ms`. */
type Estimate = { readonly now_ms: number; readonly error_ms: number }

/** The estimate at a moment of this process's clock, from a proof; undefined when it is 10 s off or worse. */
export const estimateAt = (
  { server_time, asked_ms, answered_ms }: Pick<Proof, 'server_time' | 'asked_ms' | 'answered_ms'>,
  clock_ms: number,
): Estimate | undefined => {
  const error_ms = (answered_ms - asked_ms) / 2 + (clock_ms - answered_ms) * DRIFT
  if (error_ms > ERROR_MS_MAX) return undefined
  return { now_ms: server_time.getTime() + clock_ms - (asked_ms + answered_ms) / 2, error_ms }
}

/** The estimate; undefined while there is none. Then a proof is asked for, so that a later call has one. */
const estimateOf = (nc: NatsConnection): Estimate | undefined => {
  const leadership = leadershipOf(nc)
  const proof = leadership.newest()
  const estimate = proof === undefined ? undefined : estimateAt(proof, performance.now())
  if (estimate === undefined) void leadership.prove()()
  return estimate
}

/** The newest time that is certainly over by an estimate. */
export const overBy = (estimate: Estimate): Date => new Date(Math.floor(estimate.now_ms - estimate.error_ms))

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
  return estimate === undefined ? undefined : overBy(estimate)
}
