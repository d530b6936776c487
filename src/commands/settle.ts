/**
 * Publishes a batch until it is known what became of it.
 *
 * An outcome is unknown after a time-out, without responders, or while a leader changes: the batch may have been
 * stored, or may still be. Then the same batch goes out again, with the same ids and the same expectations, so it can
 * be stored once at most; and whatever is refused after such a moment is looked up: a batch is stored whole, so its
 * first message tells for all.
 */

import { type BackOff, pause } from '../back-off.js'
import { pipe, type TaskEither, TE } from '../fp.js'
import type { StreamError } from '../stream/errors.js'
import { type NewMessage, publishBatch } from '../stream/publish.js'
import { nextRecorded } from '../stream/read.js'
import { LEDGER_STREAM } from '../stream/settings.js'
import type { CommandDeps } from './deps.js'

export type Settled =
  | { readonly tag: 'stored'; readonly last_seq: number }
  /** Nothing of it is stored, and nothing will be. */
  | { readonly tag: 'refused'; readonly error: StreamError }
  /** The time was over before it was known. */
  | { readonly tag: 'unknown'; readonly error: StreamError }

const PUBLISH_TIMEOUT_MS = 2_000
const BACK_OFF: BackOff = { first_ms: 20, max_ms: 500 }

/** The sequence of the batch's last message if its first one is stored; undefined when the leader has it not. */
const lookUp = (
  { jsm }: CommandDeps,
  messages: readonly NewMessage[],
): TaskEither<StreamError, number | undefined> => {
  const [first] = messages
  if (first === undefined) return TE.right(undefined)
  const from_seq = (first.expected_last_subject_seq ?? 0) + 1
  return pipe(
    nextRecorded(jsm, LEDGER_STREAM, first.subject, from_seq),
    TE.map(found =>
      found !== undefined && found.headers?.get('Nats-Msg-Id') === first.msg_id
        ? found.seq + messages.length - 1
        : undefined,
    ),
  )
}

/** Publishes `messages` as one batch; goes on for up to `timeout_ms` while the outcome is unknown. */
export const settle = async (
  deps: CommandDeps,
  messages: readonly NewMessage[],
  timeout_ms: number,
  signal: AbortSignal,
): Promise<Settled> => {
  const until_ms = performance.now() + timeout_ms
  let uncertain = false
  for (let attempt = 1; ; attempt += 1) {
    const result = await publishBatch(deps.nc, messages, PUBLISH_TIMEOUT_MS)()
    if (result._tag === 'Right') return { tag: 'stored', last_seq: result.right.seq }
    const error = result.left
    uncertain ||= error.tag === 'TryAgain'
    if (!uncertain) return { tag: 'refused', error }
    const found = await lookUp(deps, messages)()
    if (found._tag === 'Right' && found.right !== undefined) return { tag: 'stored', last_seq: found.right }
    // a refusal by the server is final for every copy of the batch: expectations and ids are the same in all of them
    if (found._tag === 'Right' && error.tag !== 'TryAgain') return { tag: 'refused', error }
    if (performance.now() > until_ms || signal.aborted) return { tag: 'unknown', error }
    await pause(BACK_OFF, attempt, signal)
  }
}
