/**
 * The actions of a person on a dead letter: publish its event anew, corrected or not, or discard it.
 *
 * A retry has one effect, however often it is started and wherever it is killed. Its transaction id and body are
 * recorded in a mark before anything is published. Then its subject is searched for that id, and the event is published
 * on condition that the subject has no newer event. So neither a crash nor a second person can publish it twice, even
 * long after the stream's duplicate window.
 */

import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from 'nats'
import { type BackOff, pause } from '../back-off.js'
import { E, Failed, pipe, run, type TaskEither, TE } from '../fp.js'
import { CALLER_HEADER } from '../ledger/caller.js'
import { type StreamError, tryStream } from '../stream/errors.js'
import { leadershipOf } from '../stream/leadership.js'
import { API_TIMEOUT_MS, streamInfo } from '../stream/provision.js'
import { publish } from '../stream/publish.js'
import { readRange } from '../stream/read.js'
import { LEDGER_STREAM } from '../stream/settings.js'
import { uuidv7 } from '../uuid.js'
import { type ActionError, action, refused } from './action.js'
import { type DeadLetter, findDeadLetter } from './letters.js'
import { type Mark, type Marked, type Replacement, readMark, writeMark } from './marks.js'
import { type Correction, correct } from './replacement.js'

/** The person who acts, and the reason. `caller` is the user of the connection (ledger/caller.ts), where it is known. */
export type Actor = {
  readonly by: string
  readonly reason?: string | undefined
  readonly caller?: string | undefined
}

export type RetriedLetter = { readonly transaction_id: string; readonly seq: number }

const PUBLISH_TIMEOUT_MS = 5_000
const TRIES_MAX = 30
/**
 * The number of tries that expect the subject's last sequence. They all fail for a customer whose subject gets events
 * all the time.
 */
const CHECKED_TRIES_MAX = 20
const BACK_OFF: BackOff = { first_ms: 1, max_ms: 50 }

/** Reads the newest mark. Throws `Refused` when a newer program wrote it: it is a decision, but cannot be read here. */
const readLastMark = async (
  nc: NatsConnection,
  jsm: JetStreamManager,
  letter: DeadLetter,
): Promise<Marked> => {
  const marked = await run(readMark(nc, jsm, letter.letter_subject))
  if (marked.is_newer === true)
    throw new Failed(refused(`a newer program decided about the event at sequence ${letter.seq}: ask it`))
  return marked
}

const letterAt = async (nc: NatsConnection, seq: number): Promise<DeadLetter> => {
  const letter = await run(findDeadLetter(nc, seq))
  if (letter === undefined) throw new Failed(refused(`the event at sequence ${seq} is no dead letter`))
  return letter
}

const decision = ({ by, reason }: Actor) => ({
  by,
  at: new Date().toISOString(),
  ...(reason === undefined ? {} : { reason }),
})

/** Whether another writer was faster, or the outcome is unknown: then reading again shows what is stored. */
const isPassing = ({ tag }: StreamError): boolean => tag === 'Conflict' || tag === 'TryAgain'

/**
 * Creates a search for a replacement in its subject. Each call goes on where the last one ended, to the stream's end.
 */
const createSearch = (nc: NatsConnection, { subject, transaction_id, ledger_seq }: Replacement) => {
  let searched_seq = ledger_seq
  /** The sequence of the replacement; undefined when it is not stored. */
  return async (): Promise<number | undefined> => {
    const { last_seq: to_seq } = await run(leadershipOf(nc).prove())
    const range = { stream: LEDGER_STREAM, subject, from_seq: searched_seq + 1, to_seq }
    for await (const { seq, headers } of readRange(nc, range)) {
      if (headers?.get('Nats-Msg-Id') === transaction_id) return seq
    }
    searched_seq = Math.max(searched_seq, to_seq)
    return undefined
  }
}

const lastOf = (jsm: JetStreamManager, subject: string): TaskEither<StreamError, number> =>
  pipe(
    tryStream(`read ${subject}`, () => jsm.streams.getMessage(LEDGER_STREAM, { last_by_subj: subject })),
    TE.map(found => found?.seq ?? 0),
  )

/** Publishes the replacement unless it is stored already. Gives its ledger sequence. */
const publishOnce = async (
  nc: NatsConnection,
  jsm: JetStreamManager,
  replacement: Replacement,
): Promise<number> => {
  const { subject, body, headers, transaction_id } = replacement
  const search = createSearch(nc, replacement)
  for (let attempt = 1; ; attempt += 1) {
    // the subject's end is read before the search, so that any later event makes the expectation fail
    const last_seq = await run(lastOf(jsm, subject))
    const found_seq = await search()
    if (found_seq !== undefined) return found_seq
    // on a busy subject the expectation is left out: a replacement that the search has missed is younger than the
    // duplicate window, so the server refuses its message id
    const expected = attempt > CHECKED_TRIES_MAX ? {} : { expected_last_subject_seq: last_seq }
    const message = { subject, body, headers, msg_id: transaction_id, ...expected }
    const stored = await publish(nc, message, PUBLISH_TIMEOUT_MS)()
    if (E.isRight(stored)) return stored.right.seq
    if (!isPassing(stored.left) || attempt === TRIES_MAX) throw new Failed(stored.left)
    await pause(BACK_OFF, attempt, new AbortController().signal)
  }
}

type Retrying = Extract<Mark, { state: 'retrying' }>
type Begun = { readonly mark: Retrying; readonly mark_seq: number; readonly is_ours: boolean }

const describe = (seq: number, mark: Mark): string => {
  const who = `by ${mark.by} on ${mark.at}`
  switch (mark.state) {
    case 'retried':
      return `the event at sequence ${seq} was retried already, ${who}: transaction ${mark.transaction_id} at sequence ${mark.seq}`
    case 'retrying':
      return `a retry of the event at sequence ${seq} was begun ${who}: "retry ${seq}" alone ends it`
    case 'discarded':
      return `the event at sequence ${seq} was discarded ${who}: ${mark.reason}`
  }
}

const replacementOf = async (
  nc: NatsConnection,
  letter: DeadLetter,
  correction: Correction,
  transaction_id: string,
  { caller }: Actor,
): Promise<Replacement> => {
  const corrected = correct(letter, correction, transaction_id)
  if (E.isLeft(corrected)) throw new Failed(refused(corrected.left))
  // an end that is too old only makes the search for the replacement longer
  const { state } = await run(streamInfo(nc, LEDGER_STREAM))
  const headers =
    caller === undefined ? corrected.right.headers : { ...corrected.right.headers, [CALLER_HEADER]: caller }
  return { ...corrected.right, headers, transaction_id, ledger_seq: state.last_seq }
}

/**
 * Records the replacement in a mark, before it is published. A mark of a retry that was begun earlier counts instead.
 */
const beginRetry = async (
  nc: NatsConnection,
  jsm: JetStreamManager,
  letter: DeadLetter,
  correction: Correction,
  actor: Actor,
): Promise<Begun> => {
  const transaction_id = uuidv7()
  for (let attempt = 1; ; attempt += 1) {
    const { mark, mark_seq } = await readLastMark(nc, jsm, letter)
    if (mark?.state === 'retrying') {
      return { mark, mark_seq, is_ours: mark.transaction_id === transaction_id }
    }
    if (mark?.state === 'retried') throw new Failed(refused(describe(letter.seq, mark)))
    const replacement = await replacementOf(nc, letter, correction, transaction_id, actor)
    const retrying: Mark = { state: 'retrying', ...replacement, ...decision(actor) }
    const written = await writeMark(nc, letter.letter_subject, retrying, { mark_seq })()
    if (E.isLeft(written) && (!isPassing(written.left) || attempt === TRIES_MAX))
      throw new Failed(written.left)
    // the next round reads the mark back: it may be another person's, or ours although the answer was lost
    if (E.isLeft(written)) await pause(BACK_OFF, attempt, new AbortController().signal)
  }
}

/** Marks the letter as retried, with the sequence of the replacement. A mark that says the same already is accepted. */
const conclude = async (
  nc: NatsConnection,
  jsm: JetStreamManager,
  { letter_subject }: DeadLetter,
  { mark: { transaction_id, by, at, reason }, mark_seq }: Begun,
  seq: number,
): Promise<void> => {
  const why = reason === undefined ? {} : { reason }
  const mark: Mark = { state: 'retried', transaction_id, seq, by, at, ...why }
  const written = await writeMark(nc, letter_subject, mark, { mark_seq })()
  if (E.isRight(written)) return
  const now: Marked = await run(readMark(nc, jsm, letter_subject))
  if (now.mark?.state !== 'retried' || now.mark.seq !== seq) throw new Failed(written.left)
}

/**
 * Publishes the event of the letter at ledger sequence `seq` anew, under a new transaction id, and marks the letter.
 * A retry that was begun earlier is completed as it was begun; `Refused` when this call brings a correction of its own.
 * Gives the new transaction id and sequence.
 */
export const retryDeadLetter = (
  nc: NatsConnection,
  seq: number,
  correction: Correction,
  actor: Actor,
): TaskEither<ActionError, RetriedLetter> =>
  action(async () => {
    const jsm = await jetstreamManager(nc, { checkAPI: false, timeout: API_TIMEOUT_MS })
    const letter = await letterAt(nc, seq)
    const begun = await beginRetry(nc, jsm, letter, correction, actor)
    const is_corrected = correction.body !== undefined || correction.client_id !== undefined
    if (!begun.is_ours && is_corrected) throw new Failed(refused(describe(seq, begun.mark)))
    const stored_seq = await publishOnce(nc, jsm, begun.mark)
    await conclude(nc, jsm, letter, begun, stored_seq)
    return { transaction_id: begun.mark.transaction_id, seq: stored_seq }
  })

/** Marks the letter at ledger sequence `seq` as dealt with; the letter stays. `Refused` when it is settled already. */
export const discardDeadLetter = (
  nc: NatsConnection,
  seq: number,
  actor: Actor & { readonly reason: string },
): TaskEither<ActionError, void> =>
  action(async () => {
    const jsm = await jetstreamManager(nc, { checkAPI: false, timeout: API_TIMEOUT_MS })
    const letter = await letterAt(nc, seq)
    const { letter_subject } = letter
    const marked = await readLastMark(nc, jsm, letter)
    if (marked.mark !== undefined) throw new Failed(refused(describe(seq, marked.mark)))
    const mark: Mark = { state: 'discarded', ...decision(actor) }
    const written = await writeMark(nc, letter_subject, mark, marked)()
    if (E.isRight(written)) return
    const now = await run(readMark(nc, jsm, letter_subject))
    throw new Failed(now.mark === undefined ? written.left : refused(describe(seq, now.mark)))
  })
