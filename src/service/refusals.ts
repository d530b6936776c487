/**
 * Sends a request again when it was refused before anything was done: the answer was `BUSY`, or no instance serves the
 * subject. Another instance may be free, or the same one a moment later, so a caller that has time tries a few more times.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { errors, type Msg, type NatsConnection, type RequestOptions } from 'nats'

export type Refusals = {
  /** Pauses before the next try and returns true; returns false at once when the limits are reached. `left_ms`: time left. */
  readonly mayTryAgain: (left_ms: number) => Promise<boolean>
}

const TRIES_MAX = 20
const PAUSE_MS_MIN = 10
/** 20 pauses are 2 s at most. Only the caller's time limits how long the tries themselves take. */
const PAUSE_MS_MAX = 100
/**
 * The least time in which a try can be answered. A try with less time may time out, and then its outcome is unknown.
 * Without that try the caller knows for certain that nothing was done.
 */
const TRY_MS_MIN = 100

/** The limits of one request: 20 tries, pauses of 2 s in all, and no try for which the caller's time is too short. */
export const createRefusals = (): Refusals => {
  let tries = 0
  return {
    mayTryAgain: async left_ms => {
      tries += 1
      const pause_ms = PAUSE_MS_MIN + Math.random() * (PAUSE_MS_MAX - PAUSE_MS_MIN)
      if (tries >= TRIES_MAX || pause_ms + TRY_MS_MIN >= left_ms) return false
      await sleep(pause_ms)
      return true
    },
  }
}

/** Whether the client's error says that no instance serves the subject. */
export const isNoResponders = (thrown: unknown): boolean =>
  thrown instanceof errors.RequestError && thrown.isNoResponders()

const isBusy = ({ headers }: Msg): boolean => headers?.get('Nats-Service-Error') === 'BUSY'

/**
 * Sends one request, and sends it again while it is refused. Returns the last reply, or throws the client's error. After a
 * try that timed out there is no other one, because its outcome is unknown.
 */
export const requestUnrefused = async (
  nc: NatsConnection,
  subject: string,
  body: string | Uint8Array,
  options: Readonly<RequestOptions>,
): Promise<Msg> => {
  const until_ms = performance.now() + options.timeout
  const refusals = createRefusals()
  for (;;) {
    const left_ms = until_ms - performance.now()
    const timeout = Math.max(1, Math.ceil(left_ms))
    try {
      const reply = await nc.request(subject, body, { ...options, timeout })
      if (!isBusy(reply) || !(await refusals.mayTryAgain(until_ms - performance.now()))) return reply
    } catch (thrown) {
      if (!isNoResponders(thrown) || !(await refusals.mayTryAgain(until_ms - performance.now()))) throw thrown
    }
  }
}
