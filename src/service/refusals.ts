/**
 * Sending again what was refused before anything was done: `BUSY`, or nobody who serves the subject. Another instance
 * may be free, or the same one a moment later, so a caller that has time asks a few more times.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { errors, type Msg, type NatsConnection, type RequestOptions } from 'nats'

export type Refusals = {
  /** Waits for the next try and gives true, or gives false when the bounds are reached. */
  readonly mayTryAgain: (left_ms: number) => Promise<boolean>
}

const TRIES_MAX = 20
const PAUSE_MS_MIN = 10
/** 20 pauses are 2 s at the most. How long the tries themselves take is bounded by the caller's time only. */
const PAUSE_MS_MAX = 100
/**
 * What a try needs to be answered. One that is sent with less may time out, and then nobody knows what it did: what was
 * certain, that nothing was done, would be lost for it.
 */
const TRY_MS_MIN = 100

/** The bounds of one request: 20 tries, pauses of 2 s in all, and no try that the caller's time is too short for. */
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

/** Whether what was thrown says that nobody serves the subject. */
export const isNoResponders = (thrown: unknown): boolean =>
  thrown instanceof errors.RequestError && thrown.isNoResponders()

const isBusy = ({ headers }: Msg): boolean => headers?.get('Nats-Service-Error') === 'BUSY'

/**
 * One request, sent again while it is refused. Gives the last reply, or throws what the client throws; a try that timed
 * out is the last one, because nobody knows what it did.
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
