/**
 * Publishes a batch until it is known what became of it.
 *
 * An outcome is unknown after a time-out, without responders, or while a leader changes: the batch may have been
 * stored, or may still be. So it is after a refusal by a server that may not lead any more: beside it another one may have
 * stored the batch (docs/adr/0029). Then the same batch goes out again, with the same ids and the same expectations, so
 * it can be stored once at most; and whatever is refused after such a moment is looked up: a batch is stored whole, so
 * its first message tells for all.
 */

import { type BackOff, pause } from '../../back-off.js'
import { E, pipe, type TaskEither, TE } from '../../fp.js'
import { randomId } from '../../random-id.js'
import type { StreamError } from '../../stream/errors.js'
import { lastProved } from '../../stream/last.js'
import { leadershipOf } from '../../stream/leadership.js'
import { unlessLedAgain } from '../../stream/led-again.js'
import { type BatchMessage, publishBatch } from '../../stream/publish.js'
import { nextKnown } from '../../stream/read.js'
import { LEDGER_STREAM } from '../../stream/settings.js'
import type { CommandDeps } from '../deps.js'

export type Settled =
  | { readonly tag: 'stored'; readonly last_seq: number }
  /** Nothing of it is stored, and nothing will be. */
  | { readonly tag: 'refused'; readonly error: StreamError }
  /** It is stored with a time that is not that of the decision: the stream has to tell what became of it. */
  | { readonly tag: 'off time' }
  /** The time was over before it was known. */
  | { readonly tag: 'unknown'; readonly error: StreamError }

const PUBLISH_TIMEOUT_MS = 2_000
/** The longest look at the place of a batch. */
const LOOK_UP_MS_MAX = 1_000
const BACK_OFF: BackOff = { first_ms: 20, max_ms: 200 }

/**
 * On the first message of a batch, equal in all its copies. Its message id would not do: another instance may have
 * stored the same command in the same place, in a batch of its own.
 */
const MARK = 'Ledger-Batch'

/** A batch before it is sent. Its messages are made on demand, because they need much memory while the server is at work. */
export type MessageBatch = {
  readonly length: number
  /** Its messages, the same ones each time. */
  readonly messages: () => readonly BatchMessage[]
}

/**
 * What the stream holds in the place of a batch: the batch itself (then the sequence of its last message); something else, so
 * that no copy of the batch can be stored any more; or nothing, up to an end of the stream that was proved after the question.
 */
type Place = number | 'taken' | 'free'

/** The first message of each subject, with the sequence that the subject must have before it. */
const firstOfEach = (messages: readonly BatchMessage[]): Map<string, number> => {
  const expected = new Map<string, number>()
  for (const { subject, expected_last_subject_seq = 0 } of messages)
    if (!expected.has(subject)) expected.set(subject, expected_last_subject_seq)
  return expected
}

/** What some server holds after the sequence that the first message expects; undefined if it holds nothing there. */
const inFirstPlace = (
  { nc }: CommandDeps,
  { length }: MessageBatch,
  [subject, expected_seq]: readonly [string, number],
  mark: string,
): TaskEither<StreamError, number | 'taken' | undefined> =>
  pipe(
    nextKnown(nc, LEDGER_STREAM, subject, expected_seq + 1),
    TE.map(found => {
      if (found === undefined) return undefined
      return found.headers?.get(MARK) === mark ? found.seq + length - 1 : 'taken'
    }),
  )

/**
 * Looks at the place of a batch as of an end of the stream that is proved now. A batch is stored whole: if another one of its
 * customers has new events and the first one has none, another writer stored them.
 */
const lookUp = (deps: CommandDeps, batch: MessageBatch, mark: string): TaskEither<StreamError, Place> => {
  const expected = firstOfEach(batch.messages())
  const [first] = expected
  if (first === undefined) return TE.right('free')
  return pipe(
    lastProved(deps.nc, [...expected.keys()], LOOK_UP_MS_MAX),
    TE.chain(({ last }): TaskEither<StreamError, Place> => {
      const hasMoved = ([subject, seq]: readonly [string, number]): boolean =>
        (last.get(subject)?.seq ?? 0) > seq
      if (!hasMoved(first)) return TE.right([...expected].some(hasMoved) ? 'taken' : 'free')
      const [subject] = first
      return pipe(
        inFirstPlace(deps, batch, first, mark),
        TE.chain(place =>
          place === undefined
            ? TE.left({ tag: 'TryAgain', message: `the replica that was asked lacks events of ${subject}` })
            : TE.right(place),
        ),
      )
    }),
  )
}

/** The sequence of the last message of a batch, if some server has the batch. */
const seenBySomebody = async (
  deps: CommandDeps,
  batch: MessageBatch,
  mark: string,
): Promise<number | undefined> => {
  const [first] = firstOfEach(batch.messages())
  const place = first === undefined ? undefined : await inFirstPlace(deps, batch, first, mark)()
  return place !== undefined && E.isRight(place) && typeof place.right === 'number' ? place.right : undefined
}

/** Sends a copy of the batch. It is a function of its own so that the messages are not kept while the answer is waited for. */
const send = ({ nc }: CommandDeps, batch: MessageBatch, mark: string) => {
  const messages = batch.messages()
  const [first] = messages
  const marked =
    first === undefined ? [] : messages.with(0, { ...first, headers: { ...first.headers, [MARK]: mark } })
  return unlessLedAgain(nc, publishBatch(nc, marked, PUBLISH_TIMEOUT_MS))()
}

/** How a copy of a batch failed. */
type Failed = {
  readonly error: StreamError
  /** No other copy went out. */
  readonly is_only_copy: boolean
  readonly is_leader_alone: boolean
}

/**
 * Whether a refusal holds for all copies and for every server. Expectations and ids are the same in all copies, so it does
 * unless it may be an earlier copy, still in flight, that caused it, or a server that does not lead any more.
 */
const isFinal = (
  { error: { tag, is_in_flight }, is_only_copy, is_leader_alone }: Failed,
  place: 'taken' | 'free',
): boolean => {
  if (tag === 'Unsendable') return false
  if (place === 'taken') return true
  // an id that one server has stored all servers have, and no other copy of this batch can have brought it
  if (tag === 'Duplicate') return is_only_copy
  return is_leader_alone && is_in_flight !== true
}

/** The outcome of a batch of which a copy failed; undefined while it is not known. */
const outcomeOf = async (
  deps: CommandDeps,
  batch: MessageBatch,
  mark: string,
  failed: Failed,
): Promise<Settled | undefined> => {
  const { error, is_only_copy, is_leader_alone } = failed
  if (error.tag === 'TryAgain') {
    const last_seq = await seenBySomebody(deps, batch, mark)
    return last_seq === undefined ? undefined : { tag: 'stored', last_seq }
  }
  const refused: Settled = { tag: 'refused', error }
  // nothing was sent, or only the leader can have refused
  if (is_only_copy && (error.tag === 'Unsendable' || is_leader_alone)) return refused
  const looked = await lookUp(deps, batch, mark)()
  if (E.isLeft(looked)) return undefined
  if (typeof looked.right === 'number') return { tag: 'stored', last_seq: looked.right }
  return isFinal(failed, looked.right) ? refused : undefined
}

/** Publishes `batch`; goes on for up to `timeout_ms` while the outcome is unknown. */
export const settle = async (
  deps: CommandDeps,
  batch: MessageBatch,
  timeout_ms: number,
  signal: AbortSignal,
): Promise<Settled> => {
  const mark = randomId()
  const until_ms = performance.now() + timeout_ms
  for (let attempt = 1; ; attempt += 1) {
    const sent_ms = performance.now()
    const result = await send(deps, batch, mark)
    if (E.isRight(result)) return { tag: 'stored', last_seq: result.right.seq }
    const error = result.left
    const is_leader_alone = leadershipOf(deps.nc).isAloneSince(sent_ms)
    const outcome = await outcomeOf(deps, batch, mark, {
      error,
      is_only_copy: attempt === 1,
      is_leader_alone,
    })
    if (outcome !== undefined) return outcome
    if (performance.now() > until_ms || signal.aborted) return { tag: 'unknown', error }
    await pause(BACK_OFF, attempt, signal)
  }
}
