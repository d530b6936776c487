/**
 * Verifies JSON Web Tokens (RFC 7519) with the public keys of their issuer, and decodes those keys (RFC 7517). Pure.
 *
 * A token says by itself how it is signed, and a forger chooses what it says. So an algorithm counts only if it is on the
 * list below and fits the key: there is no `none`, and no secret that both sides know. Nothing in a token names a place
 * from which anything is fetched.
 */

import { createPublicKey, constants as crypto, type KeyObject, verify } from 'node:crypto'
import { E, type Either, pipe, t } from '../fp.js'
import { isJsonObject, type JsonObject, readStrictJson } from '../json.js'
import { fieldsOf } from '../ledger/codec.js'

type Algorithm = {
  /** The type of the keys, in the words of a key (`kty` and `crv`) and of OpenSSL. */
  readonly kty: string
  readonly crv?: string
  readonly isValid: (data: Buffer, key: KeyObject, signature: Buffer) => boolean
}

const { RSA_PKCS1_PADDING, RSA_PKCS1_PSS_PADDING, RSA_PSS_SALTLEN_DIGEST } = crypto

const ALGORITHMS: Readonly<Record<string, Algorithm>> = {
  RS256: {
    kty: 'RSA',
    isValid: (data, key, signature) => verify('sha256', data, { key, padding: RSA_PKCS1_PADDING }, signature),
  },
  PS256: {
    kty: 'RSA',
    isValid: (data, key, signature) =>
      verify(
        'sha256',
        data,
        { key, padding: RSA_PKCS1_PSS_PADDING, saltLength: RSA_PSS_SALTLEN_DIGEST },
        signature,
      ),
  },
  ES256: {
    kty: 'EC',
    crv: 'P-256',
    isValid: (data, key, signature) => verify('sha256', data, { key, dsaEncoding: 'ieee-p1363' }, signature),
  },
  EdDSA: {
    kty: 'OKP',
    crv: 'Ed25519',
    isValid: (data, key, signature) => verify(null, data, key, signature),
  },
}

const RSA_BITS_MIN = 2_048
const KEYS_MAX = 100
/** The clocks of two machines may differ by so much. */
const SKEW_S = 30

export type IssuerKey = {
  readonly kid: string | undefined
  /** The algorithms that the key is for, by their names. */
  readonly algorithms: readonly string[]
  readonly key: KeyObject
}

const Jwk = fieldsOf({ kty: t.string }, { kid: t.string, alg: t.string, use: t.string, crv: t.string })
const KeySet = fieldsOf({ keys: t.array(t.unknown) })

const algorithmsOf = ({ kty, crv, alg }: t.TypeOf<typeof Jwk>): readonly string[] =>
  Object.entries(ALGORITHMS)
    .filter(([, one]) => one.kty === kty && (one.crv === undefined || one.crv === crv))
    .map(([name]) => name)
    .filter(name => alg === undefined || alg === name)

const publicKeyOf = (jwk: unknown): KeyObject | undefined => {
  try {
    const key = createPublicKey({ key: jwk as JsonObject, format: 'jwk' })
    const bits = key.asymmetricKeyDetails?.modulusLength ?? RSA_BITS_MIN
    return bits >= RSA_BITS_MIN ? key : undefined
  } catch {
    return undefined
  }
}

const keyFrom = (jwk: unknown): readonly IssuerKey[] => {
  const decoded = Jwk.decode(jwk)
  if (E.isLeft(decoded) || (decoded.right.use ?? 'sig') !== 'sig') return []
  const algorithms = algorithmsOf(decoded.right)
  const key = algorithms.length === 0 ? undefined : publicKeyOf(jwk)
  return key === undefined ? [] : [{ kid: decoded.right.kid, algorithms, key }]
}

/** The keys of a key set that this program can use; keys of other kinds are passed over. Left when there is none. */
export const keysFrom = (set: unknown): Either<string, readonly IssuerKey[]> => {
  const decoded = KeySet.decode(set)
  if (E.isLeft(decoded)) return E.left('it is no set of keys')
  const keys = decoded.right.keys.slice(0, KEYS_MAX).flatMap(keyFrom)
  return keys.length === 0
    ? E.left(`it has no key for ${Object.keys(ALGORITHMS).join(', ')} (RSA of ${RSA_BITS_MIN} bits or more)`)
    : E.right(keys)
}

const FORM = /^(eyJ[\w-]*)\.([\w-]+)\.([\w-]+)$/

/** Whether a text has the form of a signed token. */
export const isJwt = (text: string): boolean => FORM.test(text)

const Header = fieldsOf({ alg: t.string }, { kid: t.string, typ: t.string, crit: t.unknown })
type Header = t.TypeOf<typeof Header>

/** The types of tokens that are for access; others of an issuer (such as `logout+jwt`) are for other purposes. */
const TYPES = /^(?:application\/)?(?:jwt|at\+jwt)$/i

const objectIn = (part: string): Either<string, JsonObject> =>
  pipe(
    readStrictJson(Buffer.from(part, 'base64url')),
    E.mapLeft(({ message }) => message),
    E.filterOrElse(isJsonObject, () => 'it is no object'),
  )

/** The parts of a token that is read and not verified yet. */
export type UnverifiedJwt = {
  readonly header: Header
  readonly claims: JsonObject
  readonly data: Buffer
  readonly signature: Buffer
}

/** Reads a token; left says why it is none that counts here, without any of its text. */
export const readJwt = (text: string): Either<string, UnverifiedJwt> => {
  const [, head = '', body = '', signature = ''] = FORM.exec(text) ?? []
  return pipe(
    E.Do,
    E.apS('fields', objectIn(head)),
    E.bind('header', ({ fields }) =>
      pipe(
        Header.decode(fields),
        E.mapLeft(() => 'its header is not right'),
      ),
    ),
    E.filterOrElse(
      ({ header }) => header.crit === undefined && TYPES.test(header.typ ?? 'jwt'),
      () => 'it is a token for another purpose',
    ),
    E.apS('claims', objectIn(body)),
    E.map(({ header, claims }) => ({
      header,
      claims,
      data: Buffer.from(`${head}.${body}`),
      signature: Buffer.from(signature, 'base64url'),
    })),
  )
}

/** The keys that a token may be signed with: the one that it names, or without a name every one of its algorithm. */
export const keysFor = ({ header: { alg, kid } }: UnverifiedJwt, keys: readonly IssuerKey[]) =>
  keys.filter(key => (kid === undefined || key.kid === kid) && key.algorithms.includes(alg))

const isSigned = ({ header: { alg }, data, signature }: UnverifiedJwt, { key }: IssuerKey): boolean => {
  const algorithm = Object.hasOwn(ALGORITHMS, alg) ? ALGORITHMS[alg] : undefined
  try {
    return algorithm?.isValid(data, key, signature) ?? false
  } catch {
    // OpenSSL throws at a signature that cannot be one
    return false
  }
}

const Claims = fieldsOf({ iss: t.string, sub: t.string, exp: t.number }, { nbf: t.number, aud: t.unknown })

export type Expected = { readonly issuer: string; readonly audience: string; readonly now_s: number }

/** The claims of a verified token. `sub` is the caller's name with its issuer, and `exp` is in seconds of Unix time. */
export type Verified = { readonly sub: string; readonly exp: number; readonly claims: JsonObject }

const claimsFault = (
  { iss, sub, exp, nbf = 0, aud }: t.TypeOf<typeof Claims>,
  { issuer, audience, now_s }: Expected,
): 'EXPIRED' | string | undefined => {
  if (iss !== issuer) return 'another issuer has made it'
  if (!(Array.isArray(aud) ? aud : [aud]).includes(audience)) return 'it is for another audience'
  if (sub === '') return 'it names no subject'
  if (!(now_s < exp + SKEW_S)) return 'EXPIRED'
  return nbf > now_s + SKEW_S ? 'it is not valid yet' : undefined
}

/**
 * The claims of a token whose signature is that of one of `keys`, and which is for us and valid now. Left is `EXPIRED`, or
 * says what is wrong, for the log.
 */
export const verifyJwt = (
  token: UnverifiedJwt,
  keys: readonly IssuerKey[],
  expected: Expected,
): Either<'EXPIRED' | string, Verified> => {
  if (!keysFor(token, keys).some(key => isSigned(token, key)))
    return E.left('no key of the issuer has signed it')
  const claims = Claims.decode(token.claims)
  if (E.isLeft(claims)) return E.left('its claims are not right')
  const fault = claimsFault(claims.right, expected)
  const { sub, exp } = claims.right
  return fault === undefined ? E.right({ sub, exp, claims: token.claims }) : E.left(fault)
}
