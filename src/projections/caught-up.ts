/**
 * Waits until a projection has caught up with the stream.
 */

import type { JetStreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from 'nats'
import { type BackOff, pause } from '../back-off.js'
import { pipe, run, type TaskEither, TE } from '../fp.js'
import { readPointer } from '../generations/pointer.js'
import { consumerProgress } from '../stream/consumer.js'
import type { StreamError } from '../stream/errors.js'
import { leadershipOf } from '../stream/leadership.js'
import type { ProjectionName } from '../tables/definition.js'
import { consumerName } from './target.js'

const POLL: BackOff = { first_ms: 20, max_ms: 20 }

/** Turns the errors that a cluster gives while it elects a leader into undefined, so that the wait asks again. */
const unlessNotReady = <A>(task: TaskEither<StreamError, A>): TaskEither<StreamError, A | undefined> =>
  pipe(
    task,
    TE.orElseW(error =>
      error.tag === 'NotFound' || error.tag === 'TryAgain' ? TE.right(undefined) : TE.left(error),
    ),
  )

/** The stream's last sequence, from a proved leader; undefined while no server proves to be the leader. */
const lastSeq = (nc: NatsConnection): TaskEither<StreamError, number | undefined> =>
  unlessNotReady(
    pipe(
      leadershipOf(nc).prove(),
      TE.map(({ last_seq }) => last_seq),
    ),
  )

/** The stream sequence up to which the active generation has acknowledged; undefined while there is no consumer. */
const ackedSeq = (
  jsm: JetStreamManager,
  projection: ProjectionName,
): TaskEither<StreamError, number | undefined> =>
  unlessNotReady(
    pipe(
      readPointer(jsm, projection),
      TE.chain(({ generation }) => consumerProgress(jsm, consumerName(projection, generation))),
      TE.map(({ acked_seq }) => acked_seq),
    ),
  )

/**
 * Waits until the projection has handled everything that the stream held at the call, for `timeout_ms` at the most.
 * Calls `onProgress` with the number of handled events and the total. Resolves with the number of events that are still
 * missing: 0 when the projection has caught up, infinity when the stream's end could not be learnt. Throws `Failed`.
 */
export const waitCaughtUp = async (
  { nc, jsm }: { readonly nc: NatsConnection; readonly jsm: JetStreamManager },
  projection: ProjectionName,
  timeout_ms: number,
  signal: AbortSignal,
  onProgress: (done: number, total: number) => void,
): Promise<number> => {
  const until_ms = performance.now() + timeout_ms
  let total: number | undefined
  for (;;) {
    total ??= await run(lastSeq(nc))
    const done = (await run(ackedSeq(jsm, projection))) ?? 0
    if (total !== undefined) onProgress(Math.min(done, total), total)
    const missing = Math.max((total ?? Number.POSITIVE_INFINITY) - done, 0)
    if (missing === 0 || performance.now() > until_ms || signal.aborted) return missing
    await pause(POLL, 1, signal)
  }
}
