/**
 * Ends the wait for an answer that was lost with the stream's leader.
 *
 * What is sent to a leader that dies, or is cut off, gets no answer at all. Its sender would wait for its whole time-out,
 * also when the next leader is there long before. So while an answer is late somebody is asked for a proof: when none
 * comes for a while and then one does, or it comes from another leader than before, the answer is not waited for any
 * longer. What became of what was sent is as unknown as after a time-out.
 */

import type { NatsConnection } from 'nats'
import { rest } from '../back-off.js'
import { E, type TaskEither } from '../fp.js'
import type { StreamError } from './errors.js'
import { leadershipOf } from './leadership.js'

/** An answer that takes longer is late; mostly it waits for a disk. */
const LATE_MS = 300
const LOOK_EVERY_MS = 100

/** Resolves when somebody leads after an interruption that began after the call, or when `signal` aborts. */
const ledAgain = async (nc: NatsConnection, signal: AbortSignal): Promise<void> => {
  const leadership = leadershipOf(nc)
  const leader = leadership.newest()?.leader
  let isInterrupted = false
  for (let wait_ms = LATE_MS; !signal.aborted; wait_ms = LOOK_EVERY_MS) {
    await rest(wait_ms, signal)
    if (signal.aborted) return
    const proved = await leadership.prove(0)()
    const isOther = E.isRight(proved) && leader !== undefined && proved.right.leader !== leader
    if (E.isRight(proved) && (isInterrupted || isOther)) return
    isInterrupted ||= E.isLeft(proved)
  }
}

/** `work`, or `TryAgain` as soon as another leader is there than the one that it was sent to. */
export const unlessLedAgain =
  <A>(nc: NatsConnection, work: TaskEither<StreamError, A>): TaskEither<StreamError, A> =>
  async () => {
    const over = new AbortController()
    const lost = ledAgain(nc, over.signal).then(() =>
      E.left<StreamError>({ tag: 'TryAgain', message: 'the stream has another leader than it was sent to' }),
    )
    try {
      return await Promise.race([work(), lost])
    } finally {
      over.abort()
    }
  }
