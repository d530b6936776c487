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
import { randomId } from '../random-id.js'
import type { StreamError } from '../stream/errors.js'
import { type BatchMessage, publishBatch } from '../stream/publish.js'
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
const LOOK_UP_MS_MAX = 1_000
const BACK_OFF: BackOff = { first_ms: 20, max_ms: 500 }

/**
 * On the first message of a batch, equal in all its copies. Its message id would not do: another instance may have
 * stored the same command in the same place, in a batch of its own.
 */
const MARK = 'Ledger-Batch'

/** A batch before it is sent; made of something that needs less memory while the server is at work. */
export type Batch = {
  readonly length: number
  /** Its messages, the same ones each time. */
  readonly messages: () => readonly BatchMessage[]
}

/**
 * What the leader has in the place of the batch's first message: the batch (then the sequence of its last message),
 * something else, so that no copy of the batch can be stored any more, or nothing yet.
 */
const lookUp = (
  { jsm }: CommandDeps,
  { length, messages }: Batch,
  mark: string,
): TaskEither<StreamError, number | 'taken' | 'free'> => {
  const [first] = messages()
  if (first === undefined) return TE.right('free')
  const from_seq = (first.expected_last_subject_seq ?? 0) + 1
  return pipe(
    nextRecorded(jsm, LEDGER_STREAM, first.subject, from_seq),
    TE.map(found => {
      if (found === undefined) return 'free'
      return found.headers?.get(MARK) === mark ? found.seq + length - 1 : 'taken'
    }),
  )
}

/** The answer, if it comes in time: a server that is just starting may lose the question. */
const within = async <A>(timeout_ms: number, ask: TaskEither<StreamError, A>): Promise<A | undefined> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>(resolve => {
    timer = setTimeout(() => resolve(undefined), timeout_ms)
  })
  const answer = await Promise.race([ask(), late])
  clearTimeout(timer)
  return answer?._tag === 'Right' ? answer.right : undefined
}

/** In a function of its own: whoever waits for the answer must not hold on to the messages. */
const send = ({ nc }: CommandDeps, batch: Batch, mark: string) => {
  const messages = batch.messages()
  const [first] = messages
  const marked =
    first === undefined ? [] : messages.with(0, { ...first, headers: { ...first.headers, [MARK]: mark } })
  return publishBatch(nc, marked, PUBLISH_TIMEOUT_MS)()
}

const IN_FLIGHT = 10164

/** Whether a refusal, while earlier copies may still be in flight, holds for those too. */
const isFinal = ({ tag, code }: StreamError, place: 'taken' | 'free'): boolean =>
  // what this process would not send says nothing about the copies that it did send
  tag !== 'TryAgain' &&
  tag !== 'Unsendable' &&
  (place === 'taken' || (tag !== 'Duplicate' && code !== IN_FLIGHT))

/** Publishes `batch`; goes on for up to `timeout_ms` while the outcome is unknown. */
export const settle = async (
  deps: CommandDeps,
  batch: Batch,
  timeout_ms: number,
  signal: AbortSignal,
): Promise<Settled> => {
  const mark = randomId()
  const until_ms = performance.now() + timeout_ms
  let uncertain = false
  for (let attempt = 1; ; attempt += 1) {
    const result = await send(deps, batch, mark)
    if (result._tag === 'Right') return { tag: 'stored', last_seq: result.right.seq }
    const error = result.left
    uncertain ||= error.tag === 'TryAgain'
    if (!uncertain) return { tag: 'refused', error }
    const place = await within(LOOK_UP_MS_MAX, lookUp(deps, batch, mark))
    if (typeof place === 'number') return { tag: 'stored', last_seq: place }
    // expectations and ids are the same in every copy, so a refusal is final for all of them, unless it may be an
    // earlier copy, still in flight, that caused it
    if (place !== undefined && isFinal(error, place)) return { tag: 'refused', error }
    if (performance.now() > until_ms || signal.aborted) return { tag: 'unknown', error }
    await pause(BACK_OFF, attempt, signal)
  }
}
