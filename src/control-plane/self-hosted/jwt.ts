/**
 * The JWTs with which nats-server in operator mode knows accounts and users, and the .creds files of users. A JWT of NATS
 * is an ordinary one whose signature is that of an nkey.
 */

import { createHash } from 'node:crypto'
import { nkeys } from 'nats'
import { isSigned } from '../../chain/nkey.js'
import { E, type Either, pipe, t } from '../../fp.js'
import { isJsonObject, type JsonObject, readJson } from '../../json.js'
import { describeErrors, fieldsOf } from '../../ledger/codec.js'

export type NkeyPair = ReturnType<typeof nkeys.createOperator>

/** The claims of a JWT; `nats` holds those of NATS. Times are seconds since 1970. */
export type JwtClaims = {
  readonly iss: string
  readonly sub: string
  readonly iat: number
  readonly name: string
  readonly nats: JsonObject
}

const HEADER = '{"typ":"JWT","alg":"ed25519-nkey"}'
const VERSION = 2

const natsClaims = new t.Type<JsonObject, JsonObject, unknown>(
  'an object',
  isJsonObject,
  (u, context) => (isJsonObject(u) ? t.success(u) : t.failure(u, context)),
  nats => nats,
)

const ClaimsCodec = fieldsOf(
  { iss: t.string, sub: t.string, iat: t.number, nats: natsClaims },
  { name: t.string },
)

const encoded = (bytes: Uint8Array | string): string => Buffer.from(bytes).toString('base64url')

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

type Unsigned = {
  /** The public key of whom the JWT is about. */
  readonly sub: string
  readonly name: string
  readonly type: 'operator' | 'account' | 'user' | 'generic'
  /** The claims of NATS without their type and version. */
  readonly nats: JsonObject
  readonly iat_s: number
  /** When it ends. */
  readonly exp_s?: number
}

/** Makes a JWT that `issuer` signs. */
export const signJwt = (issuer: NkeyPair, { sub, name, type, nats, iat_s, exp_s }: Unsigned): string => {
  const claims = {
    iat: iat_s,
    iss: issuer.getPublicKey(),
    sub,
    name,
    ...(exp_s === undefined ? {} : { exp: exp_s }),
    nats: { ...nats, type, version: VERSION },
  }
  // a server takes JWTs with the same id for the same JWT
  const jti = createHash('sha256').update(JSON.stringify(claims)).digest('base64url')
  const body = `${encoded(HEADER)}.${encoded(JSON.stringify({ jti, ...claims }))}`
  return `${body}.${encoded(issuer.sign(bytesOf(body)))}`
}

/** The claims of a JWT whose signature is its issuer's; left is a sentence. Whether the issuer counts is another question. */
export const readJwt = (jwt: string): Either<string, JwtClaims> => {
  const [header, payload, signature, ...more] = jwt.trim().split('.')
  if (header === undefined || payload === undefined || signature === undefined || more.length > 0)
    return E.left('it is no JWT')
  return pipe(
    readJson(Buffer.from(payload, 'base64url')),
    E.chain(json => pipe(ClaimsCodec.decode(json), E.mapLeft(describeErrors))),
    E.filterOrElse(
      ({ iss }) => isSigned(iss, `${header}.${payload}`, Buffer.from(signature, 'base64url')),
      () => 'its signature is not that of its issuer',
    ),
    E.map(claims => ({ ...claims, name: claims.name ?? '' })),
  )
}

const JWT_BLOCK = /-{3,}BEGIN NATS USER JWT-{3,}\s+(\S+)\s/

/** The text of a .creds file. */
export const credsText = (jwt: string, user: NkeyPair): string => `-----BEGIN NATS USER JWT-----
${jwt}
------END NATS USER JWT------

************************* IMPORTANT *************************
NKEY Seed printed below can be used to sign and prove identity.
NKEYs are sensitive and should be treated as secrets.

-----BEGIN USER NKEY SEED-----
${seedOf(user)}
------END USER NKEY SEED------
`

/** The JWT in the text of a .creds file; undefined when there is none. */
export const jwtOf = (creds: string): string | undefined => JWT_BLOCK.exec(creds)?.[1]

/** The seed of a key, which is a secret. */
export const seedOf = (key: NkeyPair): string => new TextDecoder().decode(key.getSeed())

/** The key of a seed; left is a sentence, which does not hold the seed. */
export const keyOf = (seed: string): Either<string, NkeyPair> =>
  E.tryCatch(
    () => nkeys.fromSeed(bytesOf(seed.trim())),
    () => 'it holds no seed of an nkey',
  )

/** Now, in the unit of JWTs. */
export const now_s = (): number => Math.floor(Date.now() / 1_000)
