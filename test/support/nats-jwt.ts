/** Makes an operator, accounts and users as `nsc` does, for servers that check JWTs. */

import { nkeys } from 'nats'

type KeyPair = ReturnType<typeof nkeys.createOperator>

const encode = (bytes: Uint8Array | string): string => Buffer.from(bytes).toString('base64url')
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

/** The time from which and until which a JWT is valid, in seconds since 1970. */
type Validity = { readonly nbf?: number; readonly exp?: number }

const signed = (
  issuer: KeyPair,
  subject: KeyPair,
  name: string,
  nats: object,
  validity: Validity = {},
): string => {
  const head = encode('{"typ":"JWT","alg":"ed25519-nkey"}')
  const iat = Math.floor(Date.now() / 1_000)
  const claims = {
    jti: name,
    iat,
    iss: issuer.getPublicKey(),
    sub: subject.getPublicKey(),
    name,
    nats,
    ...validity,
  }
  const body = `${head}.${encode(JSON.stringify(claims))}`
  return `${body}.${encode(issuer.sign(new TextEncoder().encode(body)))}`
}

const UNLIMITED = {
  subs: -1,
  data: -1,
  payload: -1,
  imports: -1,
  exports: -1,
  wildcards: true,
  conn: -1,
  leaf: -1,
}
const NO_JETSTREAM = { mem_storage: 0, disk_storage: 0, streams: 0, consumer: 0 }
const JETSTREAM = { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 }

type Rights = { readonly allow?: readonly string[] }

/** The subjects that a user may publish and subscribe to; all subjects unless stated. */
export type UserPermissions = { readonly pub?: Rights; readonly sub?: Rights }

export type Trust = {
  /** The configuration of servers that trust this operator. */
  readonly auth_conf: string
  /** The .creds file of a user of the ledger's account who may do everything. */
  readonly creds: string
  /** The .creds file of a user with these permissions. */
  readonly credsOf: (name: string, permissions: UserPermissions, validity?: Validity) => string
  /** The .creds file of a user of the scoped signing key with this role; the template's tags are `<key>:<value>`. */
  readonly scopedCredsOf: (name: string, role: string, tags: readonly string[]) => string
  /** The configuration of a server that keeps the accounts in `folder`, and takes changed ones while it runs. */
  readonly changeable_conf: (folder: string) => string
  /** The .creds file of the system account's user, who changes accounts. */
  readonly system_creds: string
  /** The ledger's account in which the users of these .creds files are revoked. */
  readonly accountWithout: (...revoked: readonly string[]) => string
}

/** The public key of a .creds file's user. */
const userOf = (creds: string): string => {
  const [, body = ''] = /\n[\w-]+\.([\w-]+)\./.exec(creds) ?? []
  return (JSON.parse(Buffer.from(body, 'base64url').toString()) as { sub: string }).sub
}

const NO_LIMITS = { subs: -1, data: -1, payload: -1 }

const credsFile = (user_jwt: string, user: KeyPair): string => `-----BEGIN NATS USER JWT-----
${user_jwt}
------END NATS USER JWT------

-----BEGIN USER NKEY SEED-----
${text(user.getSeed())}
------END USER NKEY SEED------
`

/** The claim of an account about its scoped signing keys. */
const signingKeys = (
  keys: ReadonlyMap<string, KeyPair>,
  scopes: Readonly<Record<string, UserPermissions>>,
): readonly object[] =>
  [...keys].map(([role, key]) => ({
    kind: 'user_scope',
    key: key.getPublicKey(),
    role,
    template: { ...scopes[role], ...NO_LIMITS },
  }))

/**
 * Makes an operator and the ledger's account. `scopes` are the permissions of the account's scoped signing keys, by their
 * roles; they may hold templates.
 */
export const makeTrust = (scopes: Readonly<Record<string, UserPermissions>> = {}): Trust => {
  const operator = nkeys.createOperator()
  const [system, ledger] = [nkeys.createAccount(), nkeys.createAccount()]
  const scoped = new Map(Object.keys(scopes).map(role => [role, nkeys.createAccount()]))
  const signing_keys = signingKeys(scoped, scopes)
  const account = (key: KeyPair, name: string, jetstream: object, more = {}): string =>
    signed(operator, key, name, {
      limits: { ...UNLIMITED, ...jetstream },
      ...more,
      type: 'account',
      version: 2,
    })
  const operator_jwt = signed(operator, operator, 'operator', {
    system_account: system.getPublicKey(),
    type: 'operator',
    version: 2,
  })
  const userCreds = (
    issuer: KeyPair,
    name: string,
    permissions: UserPermissions,
    validity: Validity = {},
  ) => {
    const user = nkeys.createUser()
    const claims = { ...permissions, ...NO_LIMITS, type: 'user', version: 2 }
    return credsFile(signed(issuer, user, name, claims, validity), user)
  }
  const scopedCredsOf: Trust['scopedCredsOf'] = (name, role, tags) => {
    const [user, issuer] = [nkeys.createUser(), scoped.get(role)]
    if (issuer === undefined) throw new Error(`there is no signing key for the role ${role}`)
    const claims = { issuer_account: ledger.getPublicKey(), pub: {}, sub: {}, tags, type: 'user', version: 2 }
    return credsFile(signed(issuer, user, name, claims), user)
  }
  const credsOf: Trust['credsOf'] = (name, permissions, validity) =>
    userCreds(ledger, name, permissions, validity)
  const confWith = (resolver: string): string => `operator: ${operator_jwt}
system_account: ${system.getPublicKey()}
resolver: ${resolver}
resolver_preload: {
  ${system.getPublicKey()}: ${account(system, 'SYS', NO_JETSTREAM)}
  ${ledger.getPublicKey()}: ${account(ledger, 'LEDGER', JETSTREAM, { signing_keys })}
}
`
  return {
    auth_conf: confWith('MEMORY'),
    changeable_conf: folder => confWith(`{ type: full, dir: ${JSON.stringify(folder)} }`),
    creds: credsOf('ledger', {}),
    credsOf,
    scopedCredsOf,
    system_creds: userCreds(system, 'sys', {}),
    accountWithout: (...revoked) => {
      const now_s = Math.floor(Date.now() / 1_000)
      const revocations = Object.fromEntries(revoked.map(creds => [userOf(creds), now_s]))
      return account(ledger, 'LEDGER', JETSTREAM, { signing_keys, revocations })
    },
  }
}
