/**
 * Proves where the ledger stream ends: a server's events are all stored, but an event that it lacks may be stored too.
 *
 * An old leader that is cut off goes on answering for up to 20 s beside the new one, and so does a member that knows
 * no leader. Both have fewer events than the leader, refuse messages that the leader takes, and do not know it. So
 * every absence, every refusal and every end of the stream rests on an answer from a server that cannot have been
 * replaced yet: it names itself as the leader, and says when it last heard each replica (hearing.ts, docs/adr/0029).
 */

import type { NatsConnection } from 'nats'
import { type BackOff, pause } from '../back-off.js'
import { E, pipe, type TaskEither, TE, t } from '../fp.js'
import { readJson } from '../json.js'
import { fieldsOf } from '../ledger/codec.js'
import { sharedAfter } from '../parallel.js'
import { type AskLimits, askAgain } from './ask-again.js'
import { apiError, type StreamError, tryStream } from './errors.js'
import { type Hearing, hear, isConnected, type Lease, leaseOf, type Sighting } from './hearing.js'
import { createMakings, type Making } from './making.js'
import { LEDGER_STREAM } from './settings.js'

/** A proved end of the stream. Times named `_ms` are on the clock of `performance.now()`. */
export type Proof = {
  /**
   * The time at which the stream was made, as its server reports it. A connection is told one time for one group of servers, also
   * where its members tell different ones (making.ts).
   */
  readonly created: string
  readonly raft_group?: string | undefined
  /** Every event that was acknowledged before `asked_ms` is at this sequence or before it. */
  readonly last_seq: number
  readonly first_seq: number
  /** The number of events in the stream; less than the number of sequences when events were removed by hand. */
  readonly messages: number
  /** The name of the leader. */
  readonly leader: string
  readonly asked_ms: number
  readonly answered_ms: number
  /** The leader's clock at a moment between `asked_ms` and `answered_ms`. */
  readonly server_time: Date
  /** The time for which the stream refuses a message id that it has stored. */
  readonly duplicate_window_ms: number
} & Lease

export type Leadership = {
  /**
   * Gets a proof that is asked for after this call, within about `timeout_ms`; calls at the same time share one
   * request. `TryAgain` when no server proves that it leads, `NotFound` when there is no stream. In a cluster the first
   * proof of a connection, and one after a silence of some seconds, takes until the leader was heard twice: up to two
   * seconds when nobody writes.
   */
  readonly prove: (timeout_ms?: number) => TaskEither<StreamError, Proof>
  /**
   * Asks once which server seems to lead, for those who choose a server or wait for one. It proves nothing: the end of
   * the stream is not in it. The errors are those of `prove`.
   */
  readonly look: TaskEither<StreamError, Pick<Proof, 'leader' | 'answered_ms'>>
  /** The newest proof of this connection, however old; undefined before the first one. */
  readonly newest: () => Proof | undefined
  /**
   * Whether only the leader can have answered requests between `since_ms` and now: then a refusal is the leader's. It
   * uses the proofs at hand and sends no request, so it may say no when a new proof would say yes.
   */
  readonly isAloneSince: (since_ms: number) => boolean
}

/** The default of `prove`'s time limit. */
export const PROVE_TIMEOUT_MS = 3_500
/** A request to a leader that dies is lost, and the next one may reach another server. */
const PATIENCE: AskLimits = { ask_ms: 300, asks_max: 3 }
const BACK_OFF: BackOff = { first_ms: 20, max_ms: 200 }
const NS_PER_MS = 1_000_000

const Replica = fieldsOf({ name: t.string, active: t.number })
const Answer = fieldsOf(
  {
    created: t.string,
    ts: t.string,
    config: fieldsOf({ num_replicas: t.number }, { duplicate_window: t.number }),
    state: fieldsOf({ first_seq: t.number, last_seq: t.number, messages: t.number }),
  },
  { cluster: fieldsOf({}, { leader: t.string, raft_group: t.string, replicas: t.readonlyArray(Replica) }) },
)
type Answer = t.TypeOf<typeof Answer>
const Refused = fieldsOf({
  error: fieldsOf({ code: t.number }, { err_code: t.number, description: t.string }),
})

/** The leader's name in a proof by a single server, which has no cluster and so names no leader. */
const ONE_SERVER = 'the only server'

/** Who leads by an answer, and when it last heard the replicas; undefined when the answer names no leader. */
const sightingOf = (
  { created, cluster, config }: Answer,
  asked_ms: number,
  answered_ms: number,
): Sighting | undefined => {
  const leader = cluster === undefined && config.num_replicas === 1 ? ONE_SERVER : (cluster?.leader ?? '')
  if (leader === '') return undefined
  const replicas = cluster?.replicas ?? []
  const members = Math.max(config.num_replicas, replicas.length + 1)
  // a server sends 0 for a replica that it never heard
  const heard = replicas.filter(({ active }) => active > 0)
  const heard_ago_ms = new Map(heard.map(({ name, active }) => [name, active / NS_PER_MS]))
  return { created, leader, asked_ms, answered_ms, members, heard_ago_ms }
}

/** The proof in an answer of a leader that has the lease; undefined when it has ended, or the time is none. */
const proofOf = (
  { created, ts, state, config, cluster }: Answer,
  { leader, asked_ms, answered_ms }: Sighting,
  lease: Lease,
): Proof | undefined => {
  const server_time = new Date(ts)
  if (lease.leads_until_ms <= answered_ms || Number.isNaN(server_time.getTime())) return undefined
  const duplicate_window_ms = (config.duplicate_window ?? 0) / NS_PER_MS
  const making = { created, raft_group: cluster?.raft_group }
  return { ...making, ...state, leader, asked_ms, answered_ms, server_time, duplicate_window_ms, ...lease }
}

const noProof = (cause?: unknown): StreamError => ({
  tag: 'TryAgain',
  message: `no server proves at the moment that it leads stream ${LEDGER_STREAM}`,
  cause,
})

type Seen = { readonly answer: Answer; readonly sighting: Sighting }

/**
 * One request to the leader, which is sent again while there is no answer. What it tells covers every event that was
 * acknowledged before the task runs.
 */
const ask = (nc: NatsConnection, oneTimeOf: (making: Making) => string): TaskEither<StreamError, Seen> =>
  pipe(
    tryStream(`stream ${LEDGER_STREAM}`, () =>
      askAgain(PATIENCE, async () => {
        const asked_ms = performance.now()
        const { data } = await nc.request(`$JS.API.STREAM.INFO.${LEDGER_STREAM}`, '', {
          timeout: PATIENCE.ask_ms * PATIENCE.asks_max,
        })
        return { data, asked_ms, answered_ms: performance.now() }
      }),
    ),
    TE.chain(({ data, asked_ms, answered_ms }) => {
      const json = readJson(data)
      if (E.isLeft(json)) return TE.left(noProof(json.left))
      const refused = Refused.decode(json.right)
      if (E.isRight(refused)) {
        const { code, err_code = code, description = '' } = refused.right.error
        return TE.left(apiError(`stream ${LEDGER_STREAM}`, err_code, description))
      }
      const decoded = Answer.decode(json.right)
      if (E.isLeft(decoded)) return TE.left(noProof(decoded.left))
      const { created, cluster } = decoded.right
      const answer = { ...decoded.right, created: oneTimeOf({ created, raft_group: cluster?.raft_group }) }
      const sighting = sightingOf(answer, asked_ms, answered_ms)
      return sighting === undefined ? TE.left(noProof()) : TE.right({ answer, sighting })
    }),
  )

const never = new AbortController().signal

const createLeadership = (nc: NatsConnection): Leadership => {
  const oneTimeOf = createMakings()
  let hearing: Hearing | undefined
  let newest: Proof | undefined
  /** The time in which only the leader takes itself for the leader; each proof that comes in time prolongs it. */
  let alone = { from_ms: 0, until_ms: 0 }

  const note = (proof: Proof): void => {
    newest = proof
    const { answered_ms, alone_until_ms } = proof
    if (alone.until_ms < answered_ms) alone = { from_ms: answered_ms, until_ms: alone_until_ms }
    else alone.until_ms = Math.max(alone.until_ms, alone_until_ms)
  }

  const askOnce = sharedAfter(async () => {
    const seen = await ask(nc, oneTimeOf)()
    if (E.isLeft(seen)) return seen
    const { answer, sighting } = seen.right
    hearing = hear(hearing, sighting)
    const proof = proofOf(answer, sighting, leaseOf(hearing, sighting))
    if (proof !== undefined) note(proof)
    return E.right({ sighting, proof })
  })

  const proveOnce = pipe(
    askOnce,
    TE.chain(({ proof }) => (proof === undefined ? TE.left(noProof()) : TE.right(proof))),
  )

  const prove = async (timeout_ms: number): Promise<E.Either<StreamError, Proof>> => {
    const until_ms = performance.now() + timeout_ms
    for (let attempt = 1; ; attempt += 1) {
      const proof = await proveOnce()
      if (E.isRight(proof) || proof.left.tag === 'NotFound') return proof
      if (performance.now() >= until_ms) return E.left(noProof(proof.left))
      await pause(BACK_OFF, attempt, never)
    }
  }

  const look = pipe(
    askOnce,
    TE.chain(({ sighting }) => (isConnected(sighting) ? TE.right(sighting) : TE.left(noProof()))),
  )

  return {
    newest: () => newest,
    isAloneSince: since_ms => alone.from_ms <= since_ms && performance.now() < alone.until_ms,
    look,
    prove:
      (timeout_ms = PROVE_TIMEOUT_MS) =>
      () =>
        prove(timeout_ms),
  }
}

const leaderships = new WeakMap<NatsConnection, Leadership>()

/** The leadership of a connection: all its users share their requests. */
export const leadershipOf = (nc: NatsConnection): Leadership => {
  const known = leaderships.get(nc) ?? createLeadership(nc)
  leaderships.set(nc, known)
  return known
}
