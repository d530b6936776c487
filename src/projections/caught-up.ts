/**
 * How far a projection is behind the stream.
 */

import type { JetStreamManager } from '@nats-io/jetstream'
import { type BackOff, pause } from '../back-off.js'
import { pipe, type TaskEither, TE } from '../fp.js'
import { type StreamError, tryStream } from '../stream/errors.js'
import { LEDGER_STREAM } from '../stream/settings.js'
import { run } from './outcome.js'

const POLL: BackOff = { first_ms: 20, max_ms: 20 }

/** The last stream sequence that the projection has acknowledged; 0 while it has none or no consumer yet. */
const acknowledged = (jsm: JetStreamManager, projection: string): TaskEither<StreamError, number> =>
  pipe(
    tryStream(`consumer ${projection}`, () => jsm.consumers.info(LEDGER_STREAM, projection)),
    TE.map(({ ack_floor }) => ack_floor.stream_seq),
    TE.orElse(error => (error.tag === 'NotFound' ? TE.right(0) : TE.left(error))),
  )

/**
 * Waits until the projection has handled everything that the stream held at the call, `timeout_ms` at the most, and
 * tells `onProgress` how far it is. Resolves with the number of events that are still missing.
 */
export const waitCaughtUp = async (
  jsm: JetStreamManager,
  projection: string,
  timeout_ms: number,
  signal: AbortSignal,
  onProgress: (done: number, total: number) => void,
): Promise<number> => {
  const { state } = await run(tryStream(LEDGER_STREAM, () => jsm.streams.info(LEDGER_STREAM)))
  const total = state.last_seq
  const until_ms = performance.now() + timeout_ms
  for (;;) {
    const done = await run(acknowledged(jsm, projection))
    onProgress(Math.min(done, total), total)
    if (done >= total || performance.now() > until_ms || signal.aborted) return Math.max(total - done, 0)
    await pause(POLL, 1, signal)
  }
}
