/**
 * The last message of many subjects, in one request that any replica may answer, and how far that replica was.
 *
 * The closing message of such an answer says up to which sequence the replica looked. So an answer of a follower is as good
 * as the leader's where that sequence is not before an end that is proved (leadership.ts): nothing but the proof needs the leader.
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
  /** By subject; one without messages is left out. */
  readonly last: ReadonlyMap<string, Recorded>
  /** Nothing up to here is missing; 0 where no subject had a message, since the server does not say it then. */
  readonly up_to_seq: number
}

/** Subjects of one request; nats-server allows 1,024, and one place is kept. */
export const LAST_SUBJECTS_MAX = 1_000
/** A replica that is behind has come up by then, or another one answers. */
const BEHIND: BackOff = { first_ms: 2, max_ms: 100 }

/** The last messages of up to 1,000 subjects as some replica has them: it may be behind, and `up_to_seq` says how far it was. */
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

/** Subjects that have messages for ever, by the stream's time of birth: with one of them an answer always says how far it goes. */
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
  /** Of the ledger's subjects that were asked for; one without events is left out. */
  readonly last: ReadonlyMap<string, Recorded>
}

const never = new AbortController().signal
const EMPTY: ReadonlyMap<string, Recorded> = new Map()

/** Asks replicas until one is as far as `proof`. */
const lastAsFarAs = async (
  nc: NatsConnection,
  subjects: readonly string[],
  { last_seq }: Proof,
  until_ms: number,
): Promise<E.Either<StreamError, Last>> => {
  for (let attempt = 1; ; attempt += 1) {
    const found = await lastKnown(nc, LEDGER_STREAM, subjects)()
    if (E.isRight(found) && found.right.up_to_seq >= last_seq) return found
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
  const proved = await leadershipOf(nc).prove(timeout_ms)()
  if (E.isLeft(proved)) return proved
  const proof = proved.right
  if (proof.last_seq === 0 || subjects.length === 0) return E.right({ proof, last: EMPTY })
  const filler = await fillerOf(nc, proof)
  if (E.isLeft(filler)) return filler
  const asked_for = new Set(subjects)
  const found = await lastAsFarAs(nc, [...new Set([...subjects, filler.right])], proof, until_ms)
  if (E.isLeft(found)) return found
  const last = new Map([...found.right.last].filter(([subject]) => asked_for.has(subject)))
  return E.right({ proof, last })
}

/**
 * The last events of up to 1,000 subjects of the ledger with everything that was acknowledged before the call: a subject that
 * is left out has no event. `TryAgain` when nobody proves how far the stream is, or no replica is that far, in time.
 */
export const lastProved =
  (
    nc: NatsConnection,
    subjects: readonly string[],
    timeout_ms = PROVE_TIMEOUT_MS,
  ): TaskEither<StreamError, ProvedLast> =>
  () =>
    askProved(nc, subjects, timeout_ms)
