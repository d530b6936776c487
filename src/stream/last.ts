/**
 * The last message of many subjects, in one request that any replica may answer, and how far that replica was.
 *
 * The closing message of such an answer says up to which sequence the replica looked. So an answer of a follower is as good
 * as the leader's where that sequence is not before an end that is proved (leadership.ts): nothing but the proof needs the leader.
 */

import { jetstreamManager } from '@nats-io/jetstream'
import { createInbox, errors, type Msg, type NatsConnection } from 'nats'
import { type BackOff, pause } from '../back-off.js'
import { E, type TaskEither, TE } from '../fp.js'
import { apiError, type StreamError, tryStream } from './errors.js'
import { leadershipOf, PROVE_TIMEOUT_MS, type Proof } from './leadership.js'
import { API_TIMEOUT_MS } from './provision.js'
import type { Recorded } from './recorded.js'
import { LEDGER_STREAM } from './settings.js'

export type Last = {
  /** By subject; one without messages is left out. */
  readonly last: ReadonlyMap<string, Recorded>
  /** Nothing up to here is missing; 0 where no subject had a message, since the server does not say it then. */
  readonly up_to_seq: number
}

/** Subjects of one request; nats-server allows 1,024, and one place is kept. */
export const LAST_SUBJECTS_MAX = 1_000
/** One replica's answer: one that is cut off never comes, and the next request may reach another. */
const ANSWER_TIMEOUT_MS = 1_000
/** A replica that is behind has come up by then, or another one answers. */
const BEHIND: BackOff = { first_ms: 2, max_ms: 100 }

const NO_MESSAGES = 404
const END_OF_BATCH = 204

/** A stored header may have a name of the server's: its own come last. */
const numberIn = ({ headers }: Msg, name: string): number => Number(headers?.last(name) ?? 0)

/** Headers and time are read when somebody wants them, which is rare. */
const recordedOf = (message: Msg): Recorded => ({
  seq: numberIn(message, 'Nats-Sequence'),
  subject: message.headers?.last('Nats-Subject') ?? '',
  body: message.data,
  get headers() {
    return message.headers
  },
  get at() {
    return new Date(message.headers?.last('Nats-Time-Stamp') ?? '')
  },
})

type Collected = { readonly last: Map<string, Recorded>; readonly end: Msg }

/** What a replica sends until its closing message; rejects when that has not come in time. */
const collect = (
  nc: NatsConnection,
  inbox: string,
  timeout_ms: number,
  send: () => void,
): Promise<Collected> =>
  new Promise((resolve, reject) => {
    const last = new Map<string, Recorded>()
    const subscription = nc.subscribe(inbox, {
      callback: (error, message) => {
        if (error !== null) fail(error)
        else if ((message.headers?.code ?? 0) > 0) {
          end()
          resolve({ last, end: message })
        } else {
          const record = recordedOf(message)
          last.set(record.subject, record)
        }
      },
    })
    const end = (): void => {
      clearTimeout(timer)
      subscription.unsubscribe()
    }
    const fail = (cause: unknown): void => {
      end()
      reject(cause)
    }
    // a replica may be cut off amid its answer
    const timer = setTimeout(() => fail(new errors.TimeoutError()), timeout_ms)
    try {
      send()
    } catch (cause) {
      fail(cause)
    }
  })

const lastOnce = async (
  nc: NatsConnection,
  stream: string,
  subjects: readonly string[],
  timeout_ms: number,
): Promise<E.Either<StreamError, Last>> => {
  const what = `last messages of ${stream}`
  const jsm = await jetstreamManager(nc, { checkAPI: false, timeout: API_TIMEOUT_MS })
  const inbox = createInbox(jsm.getOptions().watcherPrefix)
  const request = JSON.stringify({ multi_last: subjects })
  const { last, end } = await collect(nc, inbox, timeout_ms, () =>
    nc.publish(`$JS.API.DIRECT.GET.${stream}`, request, { reply: inbox }),
  )
  const { code = 0, description = '' } = end.headers ?? {}
  if (code === END_OF_BATCH) return E.right({ last, up_to_seq: numberIn(end, 'Nats-UpTo-Sequence') })
  if (code === NO_MESSAGES && last.size === 0) return E.right({ last, up_to_seq: 0 })
  // 503: no replica has the stream at the moment
  return E.left({ ...apiError(what, code, description), tag: 'TryAgain' })
}

/** The last messages of up to 1,000 subjects as some replica has them: it may be behind, and `up_to_seq` says how far it was. */
export const lastOf = (
  nc: NatsConnection,
  stream: string,
  subjects: readonly string[],
  timeout_ms = ANSWER_TIMEOUT_MS,
): TaskEither<StreamError, Last> => {
  if (subjects.length > LAST_SUBJECTS_MAX + 1) {
    return TE.left({ tag: 'Unexpected', message: `more than ${LAST_SUBJECTS_MAX} subjects in one request` })
  }
  return async () => {
    const asked = await tryStream(`last messages of ${stream}`, () =>
      lastOnce(nc, stream, subjects, timeout_ms),
    )()
    return E.isLeft(asked) ? asked : asked.right
  }
}

/** Subjects that have messages for ever, by the stream's time of birth: with one of them an answer always says how far it goes. */
const fillers = new WeakMap<NatsConnection, { readonly created: string; readonly subject: string }>()

const fillerOf = async (nc: NatsConnection, { created, first_seq }: Proof): Promise<string> => {
  const known = fillers.get(nc)
  if (known?.created === created) return known.subject
  const jsm = await jetstreamManager(nc, { checkAPI: false, timeout: API_TIMEOUT_MS })
  const first = await jsm.streams.getMessage(LEDGER_STREAM, { seq: first_seq })
  if (first === null)
    throw new Error(`stream ${LEDGER_STREAM} has no event at its first sequence ${first_seq}`)
  fillers.set(nc, { created, subject: first.subject })
  return first.subject
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
    const found = await lastOf(nc, LEDGER_STREAM, subjects)()
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
  const filler = await tryStream('the first event of the ledger', () => fillerOf(nc, proof))()
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
