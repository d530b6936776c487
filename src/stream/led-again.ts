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

/** Resolves when another server than `leader` leads, or one leads after an interruption, or when `signal` aborts. */
const ledAgain = async (
  nc: NatsConnection,
  leader: string | undefined,
  signal: AbortSignal,
): Promise<void> => {
  const leadership = leadershipOf(nc)
  let is_interrupted = false
  while (!signal.aborted) {
    const answer = await leadership.look()
    const is_other = E.isRight(answer) && leader !== undefined && answer.right.leader !== leader
    if (E.isRight(answer) && (is_interrupted || is_other)) return
    is_interrupted ||= E.isLeft(answer)
    await rest(LOOK_EVERY_MS, signal)
  }
}

/**
 * Runs `work`. Fails with `TryAgain` while the answer is still missing, as soon as another server leads, or one leads
 * again after an interruption.
 */
export const unlessLedAgain =
  <A>(nc: NatsConnection, work: TaskEither<StreamError, A>): TaskEither<StreamError, A> =>
  async () => {
    const leader = leadershipOf(nc).newest()?.leader
    // most answers are not late, so nothing but a timer is made for them
    let late: NodeJS.Timeout | undefined
    let search: AbortController | undefined
    const lost = new Promise<E.Either<StreamError, A>>((resolve, reject) => {
      late = setTimeout(() => {
        search = new AbortController()
        const message = 'the stream has another leader than it was sent to'
        ledAgain(nc, leader, search.signal).then(() => resolve(E.left({ tag: 'TryAgain', message })), reject)
      }, LATE_MS)
    })
    try {
      return await Promise.race([work(), lost])
    } finally {
      clearTimeout(late)
      search?.abort()
    }
  }
