/**
 * The accounts and users of a nats-server in operator mode, and the configuration that makes the server trust them.
 *
 * The data folder keeps the public keys of the accounts, by which nats-server names their folders, and one .creds file for
 * each kind of user. It keeps no key that could sign another user: each kind has a signing key of its own, which is thrown
 * away when its user is signed, and each start has a new operator. The rights of a kind are part of the account, which is
 * signed anew at each start: so they are those of the program that runs, and the .creds files stay what they are. Who
 * removes a .creds file gets another at the next start, and the old one is worth nothing from then on.
 */

import { join } from 'node:path'
import { nkeys } from 'nats'
import { E, pipe } from '../../fp.js'
import { isJsonObject, readJson } from '../../json.js'
import { accountJwt, operatorJwt, type Rights, userCreds } from './jwt.js'
import { secretOf } from './secret-files.js'

type Accounts = { readonly ledger: string; readonly system: string }

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

/** The claims of the JWT in a .creds file. */
const claimsIn = (creds: string): { readonly [name: string]: unknown } => {
  const [, body = ''] = /^[\w-]+\.([\w-]+)\.[\w-]+$/m.exec(creds) ?? []
  return pipe(
    readJson(Buffer.from(body, 'base64url')),
    E.fold(
      () => ({}),
      claims => (isJsonObject(claims) ? claims : {}),
    ),
  )
}

/** The public key that signed the user of a kind. The user is made where it is missing. */
const signerOf = (file: string, account: string, user: string): string => {
  const claims = claimsIn(secretOf(file, () => userCreds(nkeys.createAccount(), account, user)))
  const { iss, nats } = claims
  if (isAccount(iss) && isJsonObject(nats) && nats.issuer_account === account) return iss
  throw new Error(`${file} is no login of this ledger: remove it, and the next start makes another.`)
}

export const ACCOUNTS_FILE = 'accounts.json'

/** Makes what is missing of the logins in `folder`, and returns the lines of nats-server's configuration for them. */
export const openLogins = (
  folder: string,
  rights: ReadonlyMap<string, Rights>,
  credsFileOf: (user: string) => string,
): string => {
  const { ledger, system } = readAccounts(join(folder, ACCOUNTS_FILE))
  const operator = nkeys.createOperator()
  const scopes = [...rights].map(([role, own]) => ({
    role,
    key: signerOf(credsFileOf(role), ledger, role),
    rights: own,
  }))
  return `operator: ${operatorJwt(operator, system)}
system_account: ${system}
resolver: MEMORY
resolver_preload: {
  ${system}: ${accountJwt(operator, { key: system, name: 'SYS' })}
  ${ledger}: ${accountJwt(operator, { key: ledger, name: 'LEDGER', scopes })}
}
`
}
