/**
 * Reads and changes the JWT of an account. An account is changed by reading its JWT from the servers, changing the claims,
 * and signing it anew. The JWT that is read must be the operator's: a server would also keep one that somebody else signed.
 */

import type { NatsConnection } from 'nats'
import { E, Failed, pipe } from '../../fp.js'
import type { JsonObject } from '../../json.js'
import { NOT_FOUND } from '../carry-out.js'
import type { ProviderError } from '../provider.js'
import type { NatsAccount } from '../state.js'
import { type AccountOfClaims, operatorOf, readAccountClaims } from './claims.js'
import { type JwtClaims, now_s, readJwt, signJwt } from './jwt.js'
import type { AccountKeys, Keys } from './keys.js'
import { lookUp, update } from './resolver.js'
import { type Connect, type Visit, visit } from './visit.js'

/** Throws `Failed`. */
export const fail = (tag: ProviderError['tag'], message: string): never => {
  const error: ProviderError = { tag, message }
  throw new Failed(error)
}

/** An account's JWT, taken apart and checked. */
export type Read = { readonly claims: JwtClaims; readonly of: AccountOfClaims }

export type SelfHosted = {
  readonly keys: Keys
  /** A connection of the system account's user. */
  readonly system: NatsConnection
  /** Opens another connection, with the text of a .creds file. */
  readonly connect: Connect
}

/** The JWT of an account. Throws `Failed` when it is away, or not the operator's. */
export const readAccount = async ({ keys, system }: SelfHosted, { id, name }: NatsAccount): Promise<Read> => {
  const jwt = await lookUp(system, id)
  if (jwt === undefined) return fail('NotFound', NOT_FOUND(name))
  const { issuers } = operatorOf(keys.operator_jwt)
  return pipe(
    readJwt(jwt),
    E.filterOrElse(
      ({ iss, sub }) => sub === id && issuers.includes(iss),
      () => 'it was not signed by the operator of these keys',
    ),
    E.chain(claims =>
      pipe(
        readAccountClaims(claims.nats),
        E.map(of => ({ claims, of })),
      ),
    ),
    E.getOrElse((problem): Read => fail('Denied', `the JWT of the account ${name} (${id}): ${problem}`)),
  )
}

/** Signs and stores an account with other claims. */
export const changeAccount = async (
  { keys, system }: SelfHosted,
  { claims: { sub, name, iat } }: Read,
  nats: JsonObject,
): Promise<void> => {
  // servers that were away take the JWT with the later time: two changes within a second need different ones
  const iat_s = Math.max(now_s(), iat + 1)
  await update(system, sub, signJwt(keys.signing(), { sub, name, type: 'account', nats, iat_s }))
}

/** The keys of an account. Throws `Failed` for an account that was not made with this folder. */
export const keysOf = ({ keys }: SelfHosted, { id, name }: NatsAccount): AccountKeys =>
  keys.of(id) ??
  fail('Refused', `the account ${name} (${id}) was made elsewhere: its keys are not in this folder`)

/** In the revocations of an account it stands for all users. */
export const EVERY_USER = '*'

const NO_VISIT: Visit = {
  holdings: () => Promise.resolve([]),
  deleteStreams: () => Promise.resolve(),
  hasJetStream: () => Promise.resolve(false),
}

/** Works in the account with a user of its own. An account without JetStream holds nothing, and answers no visitor. */
export const inAccount = <A>(
  hosted: SelfHosted,
  account: NatsAccount,
  { of }: Read,
  work: (visit: Visit) => Promise<A>,
): Promise<A> => {
  if (of.limits.disk_bytes === 0 && of.limits.memory_bytes === 0) return work(NO_VISIT)
  const locked_s = of.revocations[EVERY_USER] ?? 0
  const iat_s = Math.max(now_s(), locked_s + 1)
  return visit(hosted.connect, keysOf(hosted, account).account(), iat_s, work)
}

/**
 * Throws `Failed` when the servers give the account no JetStream although its limits say so. They say nothing by themselves:
 * they set the bytes of a limit aside, and leave JetStream off where they have not enough left.
 */
export const needJetStream = async (hosted: SelfHosted, account: NatsAccount): Promise<void> => {
  const read = await readAccount(hosted, account)
  if (await inAccount(hosted, account, read, ({ hasJetStream }) => hasJetStream())) return
  fail(
    'Refused',
    `the servers give the account ${account.name} no JetStream: either they have none themselves, or not the bytes that its limits set aside (disk_bytes, memory_bytes). The account is there; "control-plane apply" sets other limits`,
  )
}
