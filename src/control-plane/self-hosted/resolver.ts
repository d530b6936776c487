/**
 * Asks nats-servers with the full resolver for the JWTs of accounts, and gives them new ones, as a user of the system account.
 *
 * Each server has a copy of all JWTs and answers by itself. A server that is away takes them over from the others when it is
 * back. A server does not check who issued a JWT that it is given: whoever may ask it could leave a forged one there, so
 * what is read is checked before it is used.
 */

import { errors, type Msg, type NatsConnection } from 'nats'
import { E, Failed, pipe, t } from '../../fp.js'
import { readJson } from '../../json.js'
import { fieldsOf } from '../../ledger/codec.js'
import type { ProviderError } from '../provider.js'
import { readJwt } from './jwt.js'

const SUBJECT = '$SYS.REQ.CLAIMS'
const ANSWER_MS_MAX = 5_000
/** After an answer the next server's comes within this time, or it is away. */
const BETWEEN_ANSWERS_MS = 300
const SERVERS_MAX = 100

const NO_RESOLVER =
  'no nats-server with the full resolver answers: its configuration needs the operator.conf that "control-plane init" writes'

/** An account's public key: the name of a folder here, so nothing else may stand in its place. */
const accountKey = t.refinement(t.string, text => /^A[A-Z2-7]{55}$/.test(text), 'public key of an account')

const ListAnswer = fieldsOf({ data: t.array(accountKey) })
const ChangeAnswer = fieldsOf(
  {},
  {
    data: fieldsOf({ code: t.number }, { message: t.string }),
    error: fieldsOf({ description: t.string }, { code: t.number }),
  },
)

const fail = (error: ProviderError): never => {
  throw new Failed(error)
}

const isNoResponders = (cause: unknown): boolean =>
  cause instanceof errors.NoRespondersError ||
  (cause instanceof errors.RequestError && cause.isNoResponders())

const unreachable = (cause: unknown): ProviderError =>
  isNoResponders(cause)
    ? { tag: 'Unreachable', message: NO_RESOLVER, cause }
    : { tag: 'Unreachable', message: `nats-server: ${cause instanceof Error ? cause.message : cause}`, cause }

/** How many servers have answered over a connection. An asker need not wait for more of them. */
const known_servers = new WeakMap<NatsConnection, number>()

/** The answers of all servers, one of each. Throws `Failed` when there is none. */
const askAll = async (nc: NatsConnection, subject: string, body = ''): Promise<readonly Msg[]> => {
  const known = known_servers.get(nc)
  const answers: Msg[] = []
  try {
    const asked = await nc.requestMany(subject, body, {
      strategy: 'stall',
      stall: BETWEEN_ANSWERS_MS,
      maxWait: ANSWER_MS_MAX,
    })
    for await (const answer of asked) {
      answers.push(answer)
      if (answers.length >= (known ?? SERVERS_MAX)) break
    }
  } catch (cause) {
    if (answers.length === 0) return fail(unreachable(cause))
  }
  if (answers.length === 0) return fail({ tag: 'Unreachable', message: NO_RESOLVER })
  known_servers.set(nc, Math.max(known ?? 0, answers.length))
  return answers
}

const decoded = <A>(codec: t.Type<A, unknown, unknown>, { data, subject }: Msg): A =>
  pipe(
    readJson(data),
    E.chainW(codec.decode),
    E.getOrElse(
      (): A =>
        fail({ tag: 'BadAnswer', message: `nats-server answers on ${subject} with something unknown` }),
    ),
  )

/** The public keys of all accounts that any server has. */
export const listAccounts = async (nc: NatsConnection): Promise<readonly string[]> => {
  const answers = await askAll(nc, `${SUBJECT}.LIST`)
  return [...new Set(answers.flatMap(answer => decoded(ListAnswer, answer).data))].toSorted()
}

/** The JWTs that the servers have of an account; none when no server has one. */
const lookUpAll = async (nc: NatsConnection, account: string): Promise<readonly string[]> => {
  const answers = await askAll(nc, `$SYS.REQ.ACCOUNT.${account}.CLAIMS.LOOKUP`)
  return [...new Set(answers.map(answer => answer.string()).filter(jwt => jwt !== ''))]
}

/** When a JWT was issued, in seconds since 1970; before all others for one that cannot be read. */
const issuedAt = (jwt: string): number => {
  const claims = readJwt(jwt)
  return E.isRight(claims) ? claims.right.iat : Number.NEGATIVE_INFINITY
}

/** The JWT that was issued last; undefined when there is none. */
export const newestOf = (jwts: readonly string[]): string | undefined =>
  jwts.toSorted((a, b) => issuedAt(b) - issuedAt(a))[0]

/**
 * The JWT of an account; undefined when no server has one. A server that was away may have an older one for minutes: the
 * newest counts, as it does among the servers.
 */
export const lookUp = async (nc: NatsConnection, account: string): Promise<string | undefined> =>
  newestOf(await lookUpAll(nc, account))

/** Throws `Failed` when a server refuses. */
const change = async (nc: NatsConnection, verb: 'UPDATE' | 'DELETE', jwt: string): Promise<void> => {
  for (const answer of await askAll(nc, `${SUBJECT}.${verb}`, jwt)) {
    const { data, error } = decoded(ChangeAnswer, answer)
    if (error !== undefined || data?.code !== 200)
      return fail({
        tag: 'Refused',
        message: `nats-server: ${error?.description ?? data?.message ?? 'no reason'}`,
      })
  }
}

/** Gives the servers the JWT of an account. It counts when this resolves: every server that answers has it. */
export const update = async (nc: NatsConnection, account: string, jwt: string): Promise<void> => {
  await change(nc, 'UPDATE', jwt)
  const stored = await lookUp(nc, account)
  if (stored !== jwt)
    return fail({
      tag: 'Unclear',
      message: `the account ${account} was changed at the same time: look, and try again`,
    })
}

/** Lets the servers delete an account, by a JWT that the operator's key signs about itself. */
export const remove = async (nc: NatsConnection, account: string, jwt: string): Promise<void> => {
  await change(nc, 'DELETE', jwt)
  if ((await lookUp(nc, account)) !== undefined)
    return fail({ tag: 'Unclear', message: `a server still has the account ${account}: try again` })
}
