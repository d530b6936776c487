/**
 * Proves how far the ledger stream is: what a server says it has, it has; what it says it has not needs a proof.
 *
 * Beside a new leader an old one that was cut off goes on answering for up to 20 s, and so does a member without a leader:
 * both have fewer events, refuse what the leader takes, and know nothing of it. So every absence, every refusal and every
 * end of the stream rests on an answer whose sender nobody can have replaced: it names itself as the leader, and says
 * when it last heard each replica. A replica that heard a leader elects no other for `ELECTION_MS_MIN` (docs/adr/0029).
 */

import type { NatsConnection } from 'nats'
import { type BackOff, pause } from '../back-off.js'
import { E, pipe, type TaskEither, TE, t } from '../fp.js'
import { readJson } from '../json.js'
import { fieldsOf } from '../ledger/codec.js'
import { sharedAfter } from '../parallel.js'
import { askAgain, type Patience } from './ask-again.js'
import { apiError, type StreamError, tryStream } from './errors.js'
import { LEDGER_STREAM } from './settings.js'

/** An end of the stream that is proved. Times named `_ms` are of `performance.now()`. */
export type Proof = {
  /** When the stream was made, as its server says. */
  readonly created: string
  /** Everything that was acknowledged before `asked_ms` is at this sequence or before it. */
  readonly last_seq: number
  readonly first_seq: number
  /** How many events it holds; fewer than sequences where somebody has removed some. */
  readonly messages: number
  /** The server that leads. */
  readonly leader: string
  readonly asked_ms: number
  readonly answered_ms: number
  /** The leader's clock at a moment between `asked_ms` and `answered_ms`. */
  readonly server_time: Date
  /** How long the stream refuses a message id that it has stored. */
  readonly duplicate_window_ms: number
  /** Until then no other server can have become the leader. */
  readonly leads_until_ms: number
  /** Until then no other server can hold itself for the leader either; 0: one replica was not heard, and may do so. */
  readonly alone_until_ms: number
}

export type Leadership = {
  /**
   * A proof that was asked for after this call, within about `timeout_ms`; those who ask at the same time share one. `TryAgain`
   * when nobody proves to lead, `NotFound` when there is no stream.
   */
  readonly prove: (timeout_ms?: number) => TaskEither<StreamError, Proof>
  /** The newest proof of this process, however old. */
  readonly newest: () => Proof | undefined
  /**
   * Whether nobody but the leader can have answered anything that was asked since `since_ms`, up to now: then a refusal is
   * the leader's. Nobody is asked, so it may say no where a proof would say yes.
   */
  readonly isAloneSince: (since_ms: number) => boolean
}

/** nats-server's `minElectionTimeout` (4 s), less what clocks and timers of two machines may differ. */
const ELECTION_MS_MIN = 3_500
/** How long `prove` may take unless a call says otherwise. */
export const PROVE_TIMEOUT_MS = 2_500
/** A question is lost with a leader that dies, and the next one may reach another. */
const PATIENCE: Patience = { ask_ms: 300, asks_max: 3 }
const BACK_OFF: BackOff = { first_ms: 20, max_ms: 200 }
const NS_PER_MS = 1_000_000

const Replica = fieldsOf({ active: t.number }, { pending: t.boolean })
const Answer = fieldsOf(
  {
    created: t.string,
    ts: t.string,
    config: fieldsOf({ num_replicas: t.number }, { duplicate_window: t.number }),
    state: fieldsOf({ first_seq: t.number, last_seq: t.number, messages: t.number }),
  },
  { cluster: fieldsOf({}, { leader: t.string, replicas: t.readonlyArray(Replica) }) },
)
type Answer = t.TypeOf<typeof Answer>
const Refused = fieldsOf({
  error: fieldsOf({ code: t.number }, { err_code: t.number, description: t.string }),
})

/** A server by itself has no cluster to name a leader of. */
const ONE_SERVER = 'the only server'

/** How long ago, in ms, each replica was heard, the latest first; one that was never heard is left out. */
const heardAgo = ({ cluster }: Answer): number[] =>
  (cluster?.replicas ?? [])
    // 0 is what a server says of a replica that it never heard
    .flatMap(({ active }) => (active > 0 ? [active / NS_PER_MS] : []))
    .sort((a, b) => a - b)

/** Until when nobody else can have become the leader; and nobody else can hold himself for it. */
const untilOf = (answer: Answer, asked_ms: number): Pick<Proof, 'leads_until_ms' | 'alone_until_ms'> => {
  const others = (answer.cluster?.replicas ?? []).length
  const members = Math.max(answer.config.num_replicas, others + 1)
  const heard = heardAgo(answer)
  const until = (ago_ms: number | undefined): number =>
    ago_ms === undefined ? 0 : asked_ms - ago_ms + ELECTION_MS_MIN
  // the leader is one of the majority
  const needed = Math.floor(members / 2)
  return {
    leads_until_ms: until(needed === 0 ? 0 : heard[needed - 1]),
    alone_until_ms: until(members === 1 ? 0 : heard[members - 2]),
  }
}

/** What an answer proves, if it proves something. */
export const proofOf = (answer: Answer, asked_ms: number, answered_ms: number): Proof | undefined => {
  const { created, ts, state, cluster, config } = answer
  const leader = cluster === undefined && config.num_replicas === 1 ? ONE_SERVER : (cluster?.leader ?? '')
  const until = untilOf(answer, asked_ms)
  const server_time = new Date(ts)
  if (leader === '' || until.leads_until_ms <= answered_ms || Number.isNaN(server_time.getTime()))
    return undefined
  const duplicate_window_ms = (config.duplicate_window ?? 0) / NS_PER_MS
  return { created, ...state, leader, asked_ms, answered_ms, server_time, duplicate_window_ms, ...until }
}

const nobody = (cause?: unknown): StreamError => ({
  tag: 'TryAgain',
  message: `no server proves at the moment that it leads stream ${LEDGER_STREAM}`,
  cause,
})

/** One question, sent again while it is not answered. It is asked when the task runs, and what it proves holds from then on. */
const ask = (nc: NatsConnection): TaskEither<StreamError, Proof> =>
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
      if (E.isLeft(json)) return TE.left(nobody(json.left))
      const refused = Refused.decode(json.right)
      if (E.isRight(refused)) {
        const { code, err_code = code, description = '' } = refused.right.error
        return TE.left(apiError(`stream ${LEDGER_STREAM}`, err_code, description))
      }
      const answer = Answer.decode(json.right)
      if (E.isLeft(answer)) return TE.left(nobody(answer.left))
      const proof = proofOf(answer.right, asked_ms, answered_ms)
      return proof === undefined ? TE.left(nobody()) : TE.right(proof)
    }),
  )

const never = new AbortController().signal

const createLeadership = (nc: NatsConnection): Leadership => {
  let newest: Proof | undefined
  /** The time in which the leader is known to be alone: one proof after the other prolongs it. */
  let alone = { from_ms: 0, until_ms: 0 }

  const note = (proof: Proof): void => {
    newest = proof
    const { answered_ms, alone_until_ms } = proof
    if (alone.until_ms < answered_ms) alone = { from_ms: answered_ms, until_ms: alone_until_ms }
    else alone.until_ms = Math.max(alone.until_ms, alone_until_ms)
  }

  const askOnce = sharedAfter(async () => {
    const asked = await ask(nc)()
    if (E.isRight(asked)) note(asked.right)
    return asked
  })

  const prove = async (timeout_ms: number): Promise<E.Either<StreamError, Proof>> => {
    const until_ms = performance.now() + timeout_ms
    for (let attempt = 1; ; attempt += 1) {
      const asked = await askOnce()
      if (E.isRight(asked) || asked.left.tag === 'NotFound') return asked
      if (performance.now() >= until_ms) return E.left(nobody(asked.left))
      await pause(BACK_OFF, attempt, never)
    }
  }

  return {
    newest: () => newest,
    isAloneSince: since_ms => alone.from_ms <= since_ms && performance.now() < alone.until_ms,
    prove:
      (timeout_ms = PROVE_TIMEOUT_MS) =>
      () =>
        prove(timeout_ms),
  }
}

const leaderships = new WeakMap<NatsConnection, Leadership>()

/** The one of a connection: all who use that share their questions. */
export const leadershipOf = (nc: NatsConnection): Leadership => {
  const known = leaderships.get(nc) ?? createLeadership(nc)
  leaderships.set(nc, known)
  return known
}
