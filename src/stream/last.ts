/**
 * Reads the last messages of many subjects, and proves that they are the last, in one request to any replica.
 *
 * The closing message of an answer says up to which sequence the replica looked. When that sequence is not before a
 * proved end of the stream (leadership.ts), a follower's answer is as good as the leader's: only the proof needs the
 * leader.
 */

import type { NatsConnection } from 'nats'
import { type BackOff, pause } from '../back-off.js'
import { E, pipe, type TaskEither, TE } from '../fp.js'
import { readDirect } from './direct.js'
import type { StreamError } from './errors.js'
import { leadershipOf, PROVE_TIMEOUT_MS, type Proof } from './leadership.js'
import type { Recorded } from './recorded.js'
import { LEDGER_STREAM } from './settings.js'

type Last = {
  /** The last message by subject; a subject without messages is left out. */
  readonly last: ReadonlyMap<string, Recorded>
  /** The sequence up to which no message is missing; 0 when no subject had a message: the server reports none then. */
  readonly up_to_seq: number
}

/** The most subjects of a caller in one request; nats-server allows 1,024, and one place is kept for the filler. */
export const LAST_SUBJECTS_MAX = 1_000
/** The pauses between requests: by then the replica that is behind has caught up, or another replica answers. */
const BEHIND: BackOff = { first_ms: 2, max_ms: 100 }

/** The last messages of up to 1,000 subjects from any replica; it may be behind, and `up_to_seq` says how far it is. */
const lastKnown = (
  nc: NatsConnection,
  stream: string,
  subjects: readonly string[],
): TaskEither<StreamError, Last> =>
  subjects.length > LAST_SUBJECTS_MAX + 1
    ? TE.left({ tag: 'Unexpected', message: `more than ${LAST_SUBJECTS_MAX} subjects in one request` })
    : pipe(
        readDirect(nc, stream, { multi_last: subjects }),
        TE.map(({ messages, up_to_seq = 0 }) => ({
          last: new Map(messages.map(message => [message.subject, message])),
          up_to_seq,
        })),
      )

/**
 * The filler: a subject that always has messages, and the time at which its stream was made. An answer that includes it
 * always says up to which sequence the replica looked.
 */
const fillers = new WeakMap<NatsConnection, { readonly created: string; readonly subject: string }>()

const fillerOf = async (
  nc: NatsConnection,
  { created, first_seq }: Proof,
): Promise<E.Either<StreamError, string>> => {
  const known = fillers.get(nc)
  if (known?.created === created) return E.right(known.subject)
  const read = await readDirect(nc, LEDGER_STREAM, { seq: first_seq, batch: 1 })()
  if (E.isLeft(read)) return read
  const [first] = read.right.messages
  if (first === undefined) {
    return E.left({
      tag: 'TryAgain',
      message: `the replica of ${LEDGER_STREAM} that was asked lacks its first event`,
    })
  }
  const { subject } = first
  fillers.set(nc, { created, subject })
  return E.right(subject)
}

export type ProvedLast = {
  readonly proof: Proof
  /** The last event by subject; a requested subject without events is left out. */
  readonly last: ReadonlyMap<string, Recorded>
}

const never = new AbortController().signal
const EMPTY: ReadonlyMap<string, Recorded> = new Map()

/** Repeats the request until the replica that answers is as far as `proof`. */
const lastAsFarAs = async (
  nc: NatsConnection,
  subjects: readonly string[],
  { last_seq }: Proof,
  until_ms: number,
): Promise<E.Either<StreamError, Last>> => {
  for (let attempt = 1; ; attempt += 1) {
    const found = await lastKnown(nc, LEDGER_STREAM, subjects)()
    if (E.isRight(found) && found.right.up_to_seq >= last_seq) return found
    // a stream that was set back may have lost the filler's events too
    if (E.isRight(found) && found.right.up_to_seq === 0) fillers.delete(nc)
    if (performance.now() >= until_ms) {
      return E.left({
        tag: 'TryAgain',
        message: `no replica of ${LEDGER_STREAM} answers as of sequence ${last_seq}`,
        cause: E.isLeft(found) ? found.left.cause : undefined,
      })
    }
    await pause(BEHIND, attempt, never)
  }
}

const askProved = async (
  nc: NatsConnection,
  subjects: readonly string[],
  timeout_ms: number,
): Promise<E.Either<StreamError, ProvedLast>> => {
  const until_ms = performance.now() + timeout_ms
  const answer = await leadershipOf(nc).prove(timeout_ms)()
  if (E.isLeft(answer)) return answer
  const proof = answer.right
  if (proof.last_seq === 0 || subjects.length === 0) return E.right({ proof, last: EMPTY })
  const filler = await fillerOf(nc, proof)
  if (E.isLeft(filler)) return filler
  const requested_subjects = new Set(subjects)
  const found = await lastAsFarAs(nc, [...new Set([...subjects, filler.right])], proof, until_ms)
  if (E.isLeft(found)) return found
  const last = new Map([...found.right.last].filter(([subject]) => requested_subjects.has(subject)))
  return E.right({ proof, last })
}

/**
 * The last events of up to 1,000 subjects of the ledger. They include every event that was acknowledged before the
 * call: a subject that is left out has no event. `TryAgain` when, within `timeout_ms`, no server proves the end of
 * the stream or no replica has reached it.
 */
export const lastProved =
  (
    nc: NatsConnection,
    subjects: readonly string[],
    timeout_ms = PROVE_TIMEOUT_MS,
  ): TaskEither<StreamError, ProvedLast> =>
  () =>
    askProved(nc, subjects, timeout_ms)
