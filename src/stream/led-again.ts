/**
 * Ends the wait for an answer that was lost with the stream's leader.
 *
 * A request to a leader that dies, or is cut off, gets no answer at all. Its sender would wait for its whole
 * time-out, even when the next leader is there long before. So while an answer is late, the leader is looked for. The
 * wait ends when one is seen after a time without one, or another than before.
 * The outcome of the request is then as unknown as after a time-out.
 */

import type { NatsConnection } from 'nats'
import { rest } from '../back-off.js'
import { E, type TaskEither } from '../fp.js'
import type { StreamError } from './errors.js'
import { leadershipOf } from './leadership.js'

/** An answer that takes longer is late. Mostly it only waits for a disk. */
const LATE_MS = 300
const LOOK_EVERY_MS = 100

/** Resolves when a server leads after an interruption that began after the call, or when `signal` aborts. */
const ledAgain = async (nc: NatsConnection, signal: AbortSignal): Promise<void> => {
  const leadership = leadershipOf(nc)
  const leader = leadership.newest()?.leader
  let is_interrupted = false
  for (let wait_ms = LATE_MS; !signal.aborted; wait_ms = LOOK_EVERY_MS) {
    await rest(wait_ms, signal)
    if (signal.aborted) return
    const answer = await leadership.look()
    const is_other = E.isRight(answer) && leader !== undefined && answer.right.leader !== leader
    if (E.isRight(answer) && (is_interrupted || is_other)) return
    is_interrupted ||= E.isLeft(answer)
  }
}

/**
 * Runs `work`. Fails with `TryAgain` while the answer is still missing, as soon as another server leads, or one leads
 * again after an interruption.
 */
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
