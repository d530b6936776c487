/**
 * The accounts and users of the nats-server of `jetledger dev --secure`, and the configuration that makes it trust them.
 *
 * The data folder keeps the public keys of the accounts, by which nats-server names their folders, and one .creds file for
 * each kind of user. It keeps no key that could sign another user: each kind has a signing key of its own, which is thrown
 * away when its user is signed, and each start has a new operator. The rights of a kind are part of the account, which is
 * signed anew at each start: so they are those of the program that runs, and the .creds files stay what they are. Who
 * removes a .creds file gets another at the next start, and the old one is worth nothing from then on.
 */

import { join } from 'node:path'
import { nkeys } from 'nats'
import { limitClaims } from '../control-plane/nats-claims.js'
import { credsText, jwtOf, type NkeyPair, now_s, readJwt, signJwt } from '../control-plane/self-hosted/jwt.js'
import { USER_LIMITS } from '../control-plane/self-hosted/operator.js'
import type { Limits } from '../control-plane/state.js'
import { ACCOUNTS_FILE, type OpenLogins } from '../embedded/secure/index.js'
import { secretOf } from '../embedded/secure/secret-files.js'
import { E, pipe } from '../fp.js'
import { isJsonObject, readJson } from '../json.js'
import type { claimsOf } from '../permissions/render.js'

type Accounts = { readonly ledger: string; readonly system: string }
type Rights = ReturnType<typeof claimsOf>
type Scope = { readonly role: string; readonly key: string; readonly rights: Rights }

/** The server has one ledger, so its account has no limit beside those of the server. */
const NO_LIMIT = -1
const NO_LIMITS: Limits = {
  connections: NO_LIMIT,
  subscriptions: NO_LIMIT,
  payload_bytes: NO_LIMIT,
  imports: NO_LIMIT,
  exports: NO_LIMIT,
  disk_bytes: NO_LIMIT,
  memory_bytes: NO_LIMIT,
  streams: NO_LIMIT,
  consumers: NO_LIMIT,
}
/** The system account has no JetStream. */
const OF_SYSTEM: Limits = { ...NO_LIMITS, disk_bytes: 0, memory_bytes: 0, streams: 0, consumers: 0 }

const isAccount = (value: unknown): value is string =>
  typeof value === 'string' && /^A[A-Z2-7]{55}$/.test(value)

const makeAccounts = (): string => {
  const [ledger, system] = [nkeys.createAccount(), nkeys.createAccount()].map(key => key.getPublicKey())
  return `${JSON.stringify({ ledger, system })}\n`
}

const readAccounts = (file: string): Accounts => {
  const read = readJson(secretOf(file, makeAccounts))
  if (E.isRight(read) && isJsonObject(read.right)) {
    const { ledger, system } = read.right
    if (isAccount(ledger) && isAccount(system)) return { ledger, system }
  }
  throw new Error(`${file} does not hold the public keys of two accounts: restore it from a backup.`)
}

/** The text of a .creds file for a new user of an account, signed by a new key, which is kept nowhere. */
const makeCreds = (issuer_account: string, name: string): string => {
  const [signing, user] = [nkeys.createAccount(), nkeys.createUser()]
  const nats = { issuer_account, pub: {}, sub: {} }
  const jwt = signJwt(signing, { sub: user.getPublicKey(), name, type: 'user', nats, iat_s: now_s() })
  return credsText(jwt, user)
}

/** The public key that signed the user of a kind. The user is made where it is missing. */
const signerOf = (file: string, account: string, user: string): string => {
  const creds = secretOf(file, () => makeCreds(account, user))
  return pipe(
    readJwt(jwtOf(creds) ?? ''),
    E.filterOrElse(
      ({ nats }) => nats.issuer_account === account,
      () => 'it belongs to another account',
    ),
    E.fold(
      problem => {
        const advice = 'remove it, and the next start makes another'
        throw new Error(`${file} is no login of this ledger (${problem}): ${advice}.`)
      },
      ({ iss }) => iss,
    ),
  )
}

const signAccount = (
  operator: NkeyPair,
  sub: string,
  name: string,
  limits: Limits,
  scopes: readonly Scope[],
) =>
  signJwt(operator, {
    sub,
    name,
    type: 'account',
    nats: {
      limits: limitClaims(limits),
      signing_keys: scopes.map(({ role, key, rights }) => ({
        kind: 'user_scope',
        key,
        role,
        template: { ...rights, ...USER_LIMITS },
      })),
    },
    iat_s: now_s(),
  })

/** Makes what is missing of the logins of these users, and returns the lines of nats-server's configuration for them. */
export const loginsOf =
  (rights: ReadonlyMap<string, Rights>): OpenLogins =>
  (folder, credsFileOf) => {
    const { ledger, system } = readAccounts(join(folder, ACCOUNTS_FILE))
    const operator = nkeys.createOperator()
    const operator_jwt = signJwt(operator, {
      sub: operator.getPublicKey(),
      name: 'jetledger',
      type: 'operator',
      nats: { system_account: system },
      iat_s: now_s(),
    })
    const scopes = [...rights].map(([role, own]) => ({
      role,
      key: signerOf(credsFileOf(role), ledger, role),
      rights: own,
    }))
    return `operator: ${operator_jwt}
system_account: ${system}
resolver: MEMORY
resolver_preload: {
  ${system}: ${signAccount(operator, system, 'SYS', OF_SYSTEM, [])}
  ${ledger}: ${signAccount(operator, ledger, 'LEDGER', NO_LIMITS, scopes)}
}
`
  }
