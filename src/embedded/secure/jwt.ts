/**
 * Signs the JWTs by which a nats-server in operator mode knows its operator, its accounts and their users, as `nsc` does.
 */

import { randomUUID } from 'node:crypto'
import { nkeys } from 'nats'

export type KeyPair = ReturnType<typeof nkeys.createUser>

/** The subjects that a user may publish, and may subscribe to (`<subject>`, or `<subject> <queue group>`). */
export type Rights = {
  readonly pub: { readonly allow: readonly string[] }
  readonly sub: { readonly allow: readonly string[] }
}

/** A kind of users: its rights, and the public key that signs its users. */
export type Scope = { readonly role: string; readonly key: string; readonly rights: Rights }

const MS_PER_S = 1_000

/** The server has one ledger, so neither the account nor a user has a limit beside those of the server. */
const NO_LIMITS = { subs: -1, data: -1, payload: -1 }
const ACCOUNT_LIMITS = {
  ...NO_LIMITS,
  imports: -1,
  exports: -1,
  wildcards: true,
  conn: -1,
  leaf: -1,
}
const JETSTREAM = { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 }
const NO_JETSTREAM = { mem_storage: 0, disk_storage: 0, streams: 0, consumer: 0 }

const encode = (bytes: Uint8Array | string): string => Buffer.from(bytes).toString('base64url')

const signed = (issuer: KeyPair, subject: string, name: string, nats: object): string => {
  const iat = Math.floor(Date.now() / MS_PER_S)
  const claims = { jti: randomUUID(), iat, iss: issuer.getPublicKey(), sub: subject, name, nats }
  const head = encode(JSON.stringify({ typ: 'JWT', alg: 'ed25519-nkey' }))
  const body = `${head}.${encode(JSON.stringify(claims))}`
  return `${body}.${encode(issuer.sign(new TextEncoder().encode(body)))}`
}

export const operatorJwt = (operator: KeyPair, system_account: string): string =>
  signed(operator, operator.getPublicKey(), 'jetledger', { system_account, type: 'operator', version: 2 })

/** The JWT of an account. One with `scopes` has JetStream. */
export const accountJwt = (
  operator: KeyPair,
  account: { readonly key: string; readonly name: string; readonly scopes?: readonly Scope[] },
): string => {
  const { key, name, scopes } = account
  const signing_keys = (scopes ?? []).map(scope => ({
    kind: 'user_scope',
    key: scope.key,
    role: scope.role,
    template: { ...scope.rights, ...NO_LIMITS },
  }))
  const limits = { ...ACCOUNT_LIMITS, ...(scopes === undefined ? NO_JETSTREAM : JETSTREAM) }
  return signed(operator, key, name, {
    limits,
    ...(scopes === undefined ? {} : { signing_keys }),
    type: 'account',
    version: 2,
  })
}

/** The text of a .creds file for a new user of `account`, signed by a scoped key, from which the user's rights come. */
export const userCreds = (scope: KeyPair, account: string, name: string): string => {
  const user = nkeys.createUser()
  const claims = { issuer_account: account, pub: {}, sub: {}, type: 'user', version: 2 }
  return `-----BEGIN NATS USER JWT-----
${signed(scope, user.getPublicKey(), name, claims)}
------END NATS USER JWT------

-----BEGIN USER NKEY SEED-----
${new TextDecoder().decode(user.getSeed())}
------END USER NKEY SEED------
`
}
