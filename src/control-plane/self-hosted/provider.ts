/**
 * The accounts of nats-servers of one's own: this program signs their JWTs with the keys of a folder (keys.ts), and the
 * servers with the full resolver keep them (resolver.ts). Users are signed here and no server is told of them: a server
 * knows a user by the signature of its account.
 */

import { nkeys } from 'nats'
import { attempt, E } from '../../fp.js'
import type { User } from '../../permissions/users.js'
import { limitClaims } from '../nats-claims.js'
import type { Provider, ProviderError, Task } from '../provider.js'
import {
  type AccountState,
  customersOf,
  type LedgerUser,
  type Limits,
  type NatsAccount,
  type Rights,
  tagsOf,
} from '../state.js'
import { changeAccount, fail, keysOf, needJetStream, readAccount, type SelfHosted } from './account.js'
import {
  type AccountOfClaims,
  operatorOf,
  readUserClaims,
  type UserOfClaims,
  withLimits,
  withRevocations,
  withScope,
} from './claims.js'
import { credsText, jwtOf, now_s, readJwt, signJwt } from './jwt.js'
import type { AccountKeys } from './keys.js'
import { removeAccount } from './removal.js'
import { listAccounts, lookUp, update } from './resolver.js'

const toError = (cause: unknown): ProviderError => ({
  tag: 'Unreachable',
  message: cause instanceof Error ? cause.message : String(cause),
  cause,
})

/** Runs code that throws `Failed` and exceptions of the connection. */
const task = <A>(work: () => Promise<A>): Task<A> => attempt(work, toError)

type Found = { readonly name: string; readonly creds: string; readonly user: UserOfClaims | undefined }

const usersOf = (keys: AccountKeys): readonly Found[] =>
  keys.users().map(({ name, creds }) => {
    const claims = readJwt(jwtOf(creds) ?? '')
    return { name, creds, user: E.isLeft(claims) ? undefined : readUserClaims(claims.right) }
  })

const nameUsers = (
  found: readonly Found[],
  { scopes }: AccountOfClaims,
): Pick<AccountState, 'users' | 'others'> => {
  const named = found.map(({ name, user }) => {
    const kind = scopes.find(({ key }) => key === user?.issuer)?.kind
    return { name, kind, customers: customersOf(user?.tags ?? []) }
  })
  return {
    users: named.flatMap(({ kind, ...user }) => (kind === undefined ? [] : [{ ...user, kind }])),
    others: named.flatMap(({ kind, name }) => (kind === undefined ? [name] : [])),
  }
}

const accountsOf = async ({ keys, system }: SelfHosted): Promise<readonly NatsAccount[]> => {
  const { system_account } = operatorOf(keys.operator_jwt)
  const ids = await listAccounts(system)
  const accounts: NatsAccount[] = []
  for (const id of ids) {
    const claims = readJwt((await lookUp(system, id)) ?? '')
    const name = E.isRight(claims) && claims.right.sub === id ? claims.right.name : '?'
    accounts.push({ id, name, is_system: id === system_account })
  }
  return accounts
}

const setRights = async (
  hosted: SelfHosted,
  account: NatsAccount,
  kind: User,
  rights: Rights,
): Promise<void> => {
  const keys = keysOf(hosted, account)
  const read = await readAccount(hosted, account)
  const before = read.of.scopes.find(scope => scope.kind === kind)
  const known = keys.scope(kind)
  // another key than the one in the folder cannot sign any more: its users end with it
  const pair =
    known !== undefined && (before?.key ?? known.getPublicKey()) === known.getPublicKey()
      ? known
      : nkeys.createAccount()
  if (pair !== known) keys.addScope(kind, pair)
  await changeAccount(hosted, read, withScope(read.claims.nats, { kind, key: pair.getPublicKey(), rights }))
}

const createUser = async (hosted: SelfHosted, account: NatsAccount, user: LedgerUser): Promise<void> => {
  const keys = keysOf(hosted, account)
  const signer = keys.scope(user.kind)
  if (signer === undefined)
    return fail('Refused', `the account ${account.name} has no key for users of the kind ${user.kind}`)
  const pair = nkeys.createUser()
  const jwt = signJwt(signer, {
    sub: pair.getPublicKey(),
    name: user.name,
    type: 'user',
    // the rights are those of the signing key; a user with some of its own would be refused
    nats: { issuer_account: account.id, pub: {}, sub: {}, tags: tagsOf(user) },
    iat_s: now_s(),
  })
  keys.addUser(user.name, credsText(jwt, pair))
}

const revokeUser = async (hosted: SelfHosted, account: NatsAccount, name: string): Promise<void> => {
  const keys = keysOf(hosted, account)
  const key = usersOf(keys).find(user => user.name === name)?.user?.key
  if (key === undefined) return fail('NotFound', `the account ${account.name} has no user ${name}`)
  const read = await readAccount(hosted, account)
  await changeAccount(
    hosted,
    read,
    withRevocations(read.claims.nats, { ...read.of.revocations, [key]: now_s() }),
  )
  keys.dropUser(name)
}

const createAccount = async (hosted: SelfHosted, name: string, limits: Limits): Promise<NatsAccount> => {
  const pair = nkeys.createAccount()
  const id = pair.getPublicKey()
  // the keys first: an account whose keys are lost could never be changed
  hosted.keys.addAccount(pair)
  const nats = { limits: limitClaims(limits) }
  await update(
    hosted.system,
    id,
    signJwt(hosted.keys.signing(), { sub: id, name, type: 'account', nats, iat_s: now_s() }),
  )
  const account = { id, name, is_system: false }
  await needJetStream(hosted, account)
  return account
}

/** The provider on a folder of keys and a connection to the servers. */
export const selfHosted = (hosted: SelfHosted): Provider => ({
  accounts: () => task(() => accountsOf(hosted)),
  read: account =>
    task(async () => {
      const { of } = await readAccount(hosted, account)
      const rights = new Map(of.scopes.map(({ kind, rights }) => [kind, rights]))
      return { limits: of.limits, rights, ...nameUsers(usersOf(keysOf(hosted, account)), of) }
    }),
  create: (name, limits) => task(() => createAccount(hosted, name, limits)),
  setLimits: (account, limits) =>
    task(async () => {
      const read = await readAccount(hosted, account)
      await changeAccount(hosted, read, withLimits(read.claims.nats, limits))
      await needJetStream(hosted, account)
    }),
  setRights: (account, kind, rights) => task(() => setRights(hosted, account, kind, rights)),
  createUser: (account, user) => task(() => createUser(hosted, account, user)),
  revokeUser: (account, name) => task(() => revokeUser(hosted, account, name)),
  creds: (account, name) =>
    task(async () => {
      const found = usersOf(keysOf(hosted, account)).find(user => user.name === name)
      return found?.creds ?? fail('NotFound', `the account ${account.name} has no user ${name}`)
    }),
  remove: (account, is_forced) => task(() => removeAccount(hosted, account, is_forced)),
})
